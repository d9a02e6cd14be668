/*
 * suggestion.h
 *		Suggests the public function, view or column that is nearest to a mistyped name.
 *
 * A suggestion has a distance of at most two letters more, fewer, different or exchanged, and of
 * one in a name of up to six. Otherwise the result is NULL. A name of the API suggests itself. A
 * name of fewer than five letters suggests no column, because it may be a short value. Allocates
 * nothing.
 */
#ifndef VAULT_REDACTION_SUGGESTION_H
#define VAULT_REDACTION_SUGGESTION_H

extern const char *suggest_function(const char *name);
extern const char *suggest_view(const char *name);
extern const char *suggest_column(const char *name);

#endif
