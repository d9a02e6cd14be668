/*
 * grants.h
 *		Compiled grants, shared by the decision (policy.c) and by who may hand out
 *		what (delegation.c).
 */
#ifndef VAULT_POLICY_GRANTS_H
#define VAULT_POLICY_GRANTS_H

#include "policy/policy.h"

typedef struct Grant
{
	pg_uuid_t	id;
	bool		denies;
	int			mask;
	char	   *pattern;
	size_t		pattern_size;
	size_t		prefix_size;	/* what every matching name starts with */
	char	  **environments;	/* NULL: all */
	int			environment_count;
} Grant;

typedef struct GrantSet
{
	Grant	   *grants;
	int			count;
} GrantSet;

/* Valid until the next call. */
extern GrantSet grants_of(const pg_uuid_t *tenant, const pg_uuid_t *principal);
extern bool grant_has_environment(const Grant *grant, const char *environment, size_t size);

/* 0 if there is no such permission. */
extern int	permission_by_name(const char *name);
extern int	permission_mask(Datum permissions);
extern char **text_array(Datum datum, int *count);

#endif
