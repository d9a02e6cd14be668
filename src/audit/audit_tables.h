/*
 * audit_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(AUDIT_LOG, .name = "audit_log")
