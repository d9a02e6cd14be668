/*
 * lines.h
 *		Parses the lines of an exported trail.
 *
 * Members stand in a fixed order, so this needs no general parser of JSON. Of a row it reads only
 * the beginning, and whether the row says that a month was retired. The row's hash covers the rest.
 */
#ifndef VAULT_EVIDENCE_OFFLINE_LINES_H
#define VAULT_EVIDENCE_OFFLINE_LINES_H

#include "crypto/primitives.h"

#define LINE_TENANT_BYTES 36
#define LINE_TIME_BYTES   40
#define LINE_MONTH_BYTES  7
#define LINE_MAX_BYTES    (16 * 1024 * 1024)

typedef enum LineKind
{
	LINE_HEADER,
	LINE_RETIRED,
	LINE_SEAL,
	LINE_ROW
} LineKind;

/* Times are kept as text, and compare as text. */
typedef struct Line
{
	LineKind kind;
	char tenant[LINE_TENANT_BYTES + 1];
	char since[LINE_TIME_BYTES]; /* header */
	char until[LINE_TIME_BYTES];
	char month[LINE_MONTH_BYTES + 1]; /* seal, retired */
	int64_t id;                       /* members of a row follow */
	char at[LINE_TIME_BYTES];
	char retires[LINE_MONTH_BYTES + 1]; /* the month that the row says was retired, or "" */
	int64_t seal;                       /* members of a seal follow */
	unsigned char previous[SHA256_BYTES];
	char first_at[LINE_TIME_BYTES];
	char last_at[LINE_TIME_BYTES];
	int64_t rows;
	int64_t without_mac;
	int64_t missing; /* rows that disappeared before they were sealed */
	int64_t total_rows;
	unsigned char rows_hash[SHA256_BYTES];
	char sealed_at[LINE_TIME_BYTES];
	const char *ids; /* points into the line */
	size_t ids_size;
} Line;

/* Parse a line, without its line feed. Returns false if it is not a line of a trail. */
extern bool line_read(const char *text, size_t size, Line *line);

/*
 * Get the next range of "3,5-9,12". Returns false at the end, or if the rest is malformed; then *at
 * < size.
 */
extern bool line_next_ids(const char *ids, size_t size, size_t *at, int64_t *first, int64_t *last);

#endif
