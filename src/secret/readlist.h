/*
 * readlist.h
 *		List the functions of schema vault that return values: READ(name).
 *
 * The list is included several times, so it has no guard. READ_FUNCTION(name) in read.h makes the
 * SQL function of each; usage counts its rows in the trail as reads.
 */
READ(get)
READ(get_bytes)
READ(get_json)
READ(get_many)
READ(get_field)
READ(conninfo)
READ(database_url)
