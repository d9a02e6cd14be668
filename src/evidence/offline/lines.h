/*
 * lines.h
 *		Lines of an exported trail, taken apart.
 *
 * Members stand in a fixed order, so that this needs no general reader of JSON: of a row,
 * only the beginning is looked at, and whether it says that a month was retired; what else it
 * says is covered by its hash.
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

/* Times are as they stand there; they compare as texts. */
typedef struct Line
{
	LineKind kind;
	char tenant[LINE_TENANT_BYTES + 1];
	char since[LINE_TIME_BYTES]; /* header */
	char until[LINE_TIME_BYTES];
	char month[LINE_MONTH_BYTES + 1]; /* seal, retired */
	int64_t id;                       /* row */
	char at[LINE_TIME_BYTES];
	char retires[LINE_MONTH_BYTES + 1]; /* the month that the row says was retired, or "" */
	int64_t seal;                       /* seal, and what follows */
	unsigned char previous[SHA256_BYTES];
	char first_at[LINE_TIME_BYTES];
	char last_at[LINE_TIME_BYTES];
	int64_t rows;
	int64_t without_mac;
	int64_t missing; /* rows that were gone before they were sealed */
	int64_t total_rows;
	unsigned char rows_hash[SHA256_BYTES];
	char sealed_at[LINE_TIME_BYTES];
	const char *ids; /* inside the line */
	size_t ids_size;
} Line;

/* text has no line feed.  False if it is no line of a trail. */
extern bool line_read(const char *text, size_t size, Line *line);

/* The next range of "3,5-9,12"; false at the end, or if what follows is none (*at < size then). */
extern bool line_next_ids(const char *ids, size_t size, size_t *at, int64_t *first, int64_t *last);

#endif
