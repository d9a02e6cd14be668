/*
 * condition.h
 *		Conditions of a grant, and the request that they are checked against.
 *
 * A grant that allows applies only if all of its conditions are met. The same holds for a grant
 * that denies, with one exception: an unknown address meets its list of addresses, so that hiding
 * the address does not escape the denial. Times are those of the wall clock.
 */
#ifndef VAULT_POLICY_CONDITION_H
#define VAULT_POLICY_CONDITION_H

#include "platform/compat.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "context/call.h"
#include "platform/netblock.h"
#include "policy/window.h"

/* Limits of the lists of one grant. */
#define MAX_ADDRESSES 64
#define MAX_WINDOWS   32
#define MAX_SERVICES  64
#define SERVICE_BYTES 512

/* Conditions of one grant. An absent list is NULL and has no elements. */
typedef struct Condition
{
	NetBlock *addresses;
	int address_count;
	Window *windows;
	pg_tz **zones; /* zones of the windows; NULL: the server does not know the zone any more */
	int window_count;
	char **services;
	int service_count;
	bool require_tls;
	bool require_session_user;
	TimestampTz valid_from; /* start of the validity; -infinity, infinity: no limit */
	TimestampTz valid_until;
} Condition;

/*
 * Return the zone of this name, in any case. Returns NULL if the server has no such zone, or takes
 * the name for POSIX rules. Never raises, whatever the server's directory of zones contains.
 */
extern pg_tz *zone_named(const char *name);

typedef enum Assumption
{
	ASSUME_NOTHING,  /* check against the request */
	ASSUME_GENEROUS, /* conditions of allowances are met, those of denials are not */
	ASSUME_STRICT    /* conditions of denials are met, those of allowances are not */
} Assumption;

typedef struct AccessRequest
{
	Assumption assumption;
	TimestampTz at;
	NetAddress address; /* client address; family 0: unknown */
	bool tls;
	bool session_user;           /* true if the session user is the current user */
	const char *subject;         /* subject of the token; may be empty */
	const char *const *services; /* services of the client certificate */
	int service_count;
} AccessRequest;

/* Parts of a condition that can fail, in the order of the checks; the address comes last. */
typedef enum ConditionAspect
{
	ASPECT_VALIDITY,
	ASPECT_TLS,
	ASPECT_SESSION_USER,
	ASPECT_WINDOWS,
	ASPECT_SERVICES,
	ASPECT_ADDRESS,
	CONDITION_ASPECTS
} ConditionAspect;

/* Return NULL, or the reason for which this part of the condition is not met. */
extern const char *
condition_aspect_fault(const Condition *c, const AccessRequest *request, ConditionAspect aspect);

/* Return NULL, or the first reason for which the condition is not met. */
extern const char *condition_fault(const Condition *condition, const AccessRequest *request);

/* Result of condition_fault() if the only fault is that the address is unknown. */
extern const char condition_address_unknown[];

/*
 * Return true if every request that meets the inner condition meets the outer one. Either may be
 * NULL: no condition.
 */
extern bool condition_covers(const Condition *outer, const Condition *inner);

/* Return true if the condition will not be met again. */
extern bool condition_is_over(const Condition *condition, TimestampTz now);

/* Fill in the request of the caller as of now. */
extern void access_request_now(const Caller *caller, AccessRequest *request);

/* Check one element of the list of services; return NULL or its fault. */
extern const char *service_fault(const char *text);

#endif
