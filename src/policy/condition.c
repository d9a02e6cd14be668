/*
 * condition.c
 *		Check of conditions.
 */
#include "policy/condition.h"

#include "miscadmin.h"

#include "identity/connection.h"

const char condition_address_unknown[] = "the client's address is not known";

/*
 * Find the zone. POSIX rules contain a digit, and the server writes them in capitals; no zone name
 * with a slash and a digit is all capitals. The server's list of names is not used, because it
 * raises an error if one of them is a link to a missing file.
 */
pg_tz *
zone_named(const char *name)
{
	pg_tz *zone = pg_tzset(name);
	const char *found = zone ? pg_get_timezone_name(zone) : "";

	if (pg_strcasecmp(found, name) != 0 ||
		(strpbrk(found, "0123456789") && strpbrk(found, "abcdefghijklmnopqrstuvwxyz") == NULL))
		return NULL;
	return zone;
}

static bool
is_in_window(const Condition *condition, TimestampTz at)
{
	pg_time_t moment = timestamptz_to_time_t(at);

	for (int i = 0; i < condition->window_count; i++)
	{
		struct pg_tm *clock =
			condition->zones[i] ? pg_localtime(&moment, condition->zones[i]) : NULL;

		if (clock &&
			window_holds(&condition->windows[i], clock->tm_wday,
						 clock->tm_hour * 60 + clock->tm_min))
			return true;
	}
	return false;
}

static bool
is_token_subject(const char *service, const AccessRequest *request)
{
	return request->subject && *request->subject && strncmp(service, "token:", 6) == 0 &&
		strcmp(service + 6, request->subject) == 0;
}

static bool
is_service(const Condition *condition, const AccessRequest *request)
{
	for (int i = 0; i < condition->service_count; i++)
	{
		if (is_token_subject(condition->services[i], request))
			return true;
		for (int j = 0; j < request->service_count; j++)
			if (strcmp(condition->services[i], request->services[j]) == 0)
				return true;
	}
	return false;
}

static bool
is_at_address(const Condition *condition, const NetAddress *address)
{
	for (int i = 0; i < condition->address_count; i++)
		if (net_block_holds(&condition->addresses[i], address))
			return true;
	return false;
}

const char *
condition_aspect_fault(const Condition *c, const AccessRequest *request, ConditionAspect aspect)
{
	switch (aspect)
	{
		case ASPECT_VALIDITY:
			return request->at < c->valid_from  ? "it is not valid yet"
				: request->at >= c->valid_until ? "it is not valid any more"
												: NULL;
		case ASPECT_TLS:
			return c->require_tls && !request->tls ? "the connection does not use TLS" : NULL;
		case ASPECT_SESSION_USER:
			return c->require_session_user && !request->session_user
				? "the session user is another role"
				: NULL;
		case ASPECT_WINDOWS:
			return c->windows && !is_in_window(c, request->at) ? "it is outside the time windows"
															   : NULL;
		case ASPECT_SERVICES:
			return c->services && !is_service(c, request) ? "the client is none of the services"
														  : NULL;
		case ASPECT_ADDRESS:
			if (c->addresses && request->address.family == 0)
				return condition_address_unknown;
			return c->addresses && !is_at_address(c, &request->address)
				? "the client's address is in none of the blocks"
				: NULL;
		case CONDITION_ASPECTS:
			break;
	}
	return NULL;
}

const char *
condition_fault(const Condition *condition, const AccessRequest *request)
{
	const char *fault = NULL;

	for (int aspect = 0; fault == NULL && aspect < CONDITION_ASPECTS; aspect++)
		fault = condition_aspect_fault(condition, request, aspect);
	return fault;
}

static bool
addresses_cover(const Condition *outer, const Condition *inner)
{
	for (int i = 0; i < inner->address_count; i++)
	{
		bool covered = false;

		for (int j = 0; !covered && j < outer->address_count; j++)
			covered = net_block_covers(&outer->addresses[j], &inner->addresses[i]);
		if (!covered)
			return false;
	}
	return inner->addresses != NULL;
}

static bool
all_windows_cover(const Condition *outer, const Condition *inner)
{
	for (int i = 0; i < inner->window_count; i++)
		if (!windows_cover(outer->windows, outer->window_count, &inner->windows[i]))
			return false;
	return inner->windows != NULL;
}

static bool
services_cover(const Condition *outer, const Condition *inner)
{
	for (int i = 0; i < inner->service_count; i++)
	{
		bool covered = false;

		for (int j = 0; !covered && j < outer->service_count; j++)
			covered = strcmp(outer->services[j], inner->services[i]) == 0;
		if (!covered)
			return false;
	}
	return inner->services != NULL;
}

bool
condition_covers(const Condition *outer, const Condition *inner)
{
	if (outer == NULL)
		return true;
	if (inner == NULL)
		return false;
	return outer->valid_from <= inner->valid_from && inner->valid_until <= outer->valid_until &&
		(!outer->require_tls || inner->require_tls) &&
		(!outer->require_session_user || inner->require_session_user) &&
		(outer->windows == NULL || all_windows_cover(outer, inner)) &&
		(outer->services == NULL || services_cover(outer, inner)) &&
		(outer->addresses == NULL || addresses_cover(outer, inner));
}

bool
condition_is_over(const Condition *condition, TimestampTz now)
{
	return condition && condition->valid_until <= now;
}

void
access_request_now(const Caller *caller, AccessRequest *request)
{
	request->assumption = ASSUME_NOTHING;
	request->at = GetCurrentTimestamp();
	connection_address(caller, &request->address);
	request->tls = connection_is_encrypted();
	request->session_user = GetSessionUserId() == caller->role;
	request->subject = caller->subject;
	request->services = connection_services(&request->service_count);
}

const char *
service_fault(const char *text)
{
	static const char *const kinds[] = {"token:", "cn:", "dn:", "dns:", "uri:", "email:"};

	if (strlen(text) >= SERVICE_BYTES)
		return "a service is longer than 511 bytes";
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strncmp(text, kinds[i], strlen(kinds[i])) == 0 && text[strlen(kinds[i])])
			return NULL;
	return "a service does not begin with the kind of its name";
}
