/*
 * keyring_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(INSTANCE, .name = "instance")
TABLE(ROOT_KEY, .name = "root_key")
