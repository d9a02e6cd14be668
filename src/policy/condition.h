/*
 * condition.h
 *		Conditions of a grant, and the request that they are checked against.
 *
 * A grant that allows applies only where all of its conditions are met.  One that
 * denies, too, but an address that is not known meets its list of addresses: who
 * hides the address does not escape the denial.  Times are those of the wall clock.
 */
#ifndef VAULT_POLICY_CONDITION_H
#define VAULT_POLICY_CONDITION_H

#include "platform/compat.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "context/call.h"
#include "platform/netblock.h"
#include "policy/window.h"

/* Limits of one grant's lists. */
#define MAX_ADDRESSES 64
#define MAX_WINDOWS   32
#define MAX_SERVICES  64
#define SERVICE_BYTES 512

/* An absent list is NULL and has no elements. */
typedef struct Condition
{
	NetBlock *addresses;
	int address_count;
	Window *windows;
	pg_tz **zones; /* of the windows; NULL: the server does not know it any more */
	int window_count;
	char **services;
	int service_count;
	bool require_tls;
	bool require_session_user;
	TimestampTz valid_from; /* -infinity, infinity: no limit */
	TimestampTz valid_until;
} Condition;

/*
 * The zone of this name, in any case; NULL if the server has none, or takes it for POSIX rules.
 * Never raises, whatever is in the server's directory of zones.
 */
extern pg_tz *zone_named(const char *name);

typedef enum Assumption
{
	ASSUME_NOTHING,  /* check against the request */
	ASSUME_GENEROUS, /* allowances' conditions are met, denials' are not */
	ASSUME_STRICT    /* the other way round */
} Assumption;

typedef struct AccessRequest
{
	Assumption assumption;
	TimestampTz at;
	NetAddress address; /* family 0: unknown */
	bool tls;
	bool session_user;           /* it is the current one */
	const char *subject;         /* of a token; may be empty */
	const char *const *services; /* of the certificate */
	int service_count;
} AccessRequest;

/* What of a condition can fail, in the order in which it is asked; the address comes last. */
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

/* NULL, or why this of it is not met. */
extern const char *
condition_aspect_fault(const Condition *c, const AccessRequest *request, ConditionAspect aspect);

/* NULL, or the first reason why the condition is not met. */
extern const char *condition_fault(const Condition *condition, const AccessRequest *request);

/* What condition_fault says if all that fails is that the address is unknown. */
extern const char condition_address_unknown[];

/* Whatever meets the inner one meets the outer one; either may be NULL: none. */
extern bool condition_covers(const Condition *outer, const Condition *inner);

/* It will not be met again. */
extern bool condition_is_over(const Condition *condition, TimestampTz now);

extern void access_request_now(const Caller *caller, AccessRequest *request);

/* Compiles one element; NULL or what is wrong with it. */
extern const char *service_fault(const char *text);

#endif
