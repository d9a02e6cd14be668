/*
 * origin_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(ORIGIN, .name = "origin", .kind = "origin", .id = 1, .covered = 10)
INDEX(ORIGIN, .name = "origin_pkey") /* (id) */
