/*
 * suggestion.h
 *		Suggest the public function, view or column that is nearest to a mistyped name.
 *
 * NULL if none is near: two letters more, fewer, others or exchanged, and one in a name of up to
 * six.  A name of the API is its own.  Of columns only those that a short value would not be near
 * to: what was typed there may be one.  Allocates nothing.
 */
#ifndef VAULT_REDACTION_SUGGESTION_H
#define VAULT_REDACTION_SUGGESTION_H

extern const char *suggest_function(const char *name);
extern const char *suggest_view(const char *name);
extern const char *suggest_column(const char *name);

#endif
