/*
 * notify_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(SUBSCRIBER, .name = "subscriber", .deleted_as = 7)
TABLE(NOTIFICATION, .name = "notification", .deleted_as = 8)
