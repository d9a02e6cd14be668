/*
 * connection.c
 *		Address, proxies and certificate of the connection, kept for the life of the backend.
 */
#include "identity/connection.h"

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include <netinet/in.h>

#include "crypto/alternative_names.h"
#include "platform/settings.h"

#define MAX_SERVICES 64

static struct
{
	bool known;
	NetAddress peer;
	int service_count;
	const char *services[MAX_SERVICES];
} facts;

static void
learn_peer(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		net_address_set(&facts.peer, 4, &((const struct sockaddr_in *) peer)->sin_addr);
	else if (peer->ss_family == AF_INET6)
		net_address_set(&facts.peer, 6, &((const struct sockaddr_in6 *) peer)->sin6_addr);
}

static void
add_service(const char *kind, const char *name, size_t size, void *argument)
{
	char *text;

	if (facts.service_count == MAX_SERVICES)
		return;
	text = MemoryContextAllocExtended(TopMemoryContext, strlen(kind) + size + 2, MCXT_ALLOC_NO_OOM);
	if (text == NULL)
		return;
	sprintf(text, "%s:", kind);
	memcpy(text + strlen(kind) + 1, name, size);
	text[strlen(kind) + 1 + size] = 0;
	facts.services[facts.service_count++] = text;
}

static void
learn_certificate(const Port *port)
{
	if (!port->ssl_in_use || !port->peer_cert_valid)
		return;
	if (port->peer_cn)
		add_service("cn", port->peer_cn, strlen(port->peer_cn), NULL);
	if (port->peer_dn)
		add_service("dn", port->peer_dn, strlen(port->peer_dn), NULL);
#ifdef USE_OPENSSL
	if (port->peer)
		certificate_alternative_names(port->peer, add_service, NULL);
#endif
}

/* Learn the facts. Background workers and the like have no client, so these stay unknown. */
static void
connection_learn(void)
{
	if (facts.known)
		return;
	if (MyProcPort)
	{
		learn_peer(&MyProcPort->raddr.addr);
		learn_certificate(MyProcPort);
	}
	facts.known = true;
}

static bool
is_proxy(const NetAddress *address)
{
	for (int i = 0; i < setting_proxies->count; i++)
		if (net_block_holds(&setting_proxies->blocks[i], address))
			return true;
	return false;
}

void
connection_address(const Caller *caller, NetAddress *address)
{
	connection_learn();
	*address = facts.peer;
	if (address->family != 0 && !is_proxy(address))
		return;
	/* A direct peer has its own address, whatever a token claims. */
	(void) net_address_parse(caller->claimed_address, strlen(caller->claimed_address), address);
}

/* Peers are compared as bytes, so equal peers must have equal bytes. */
const Peer *
connection_peer(void)
{
	static Peer peer;
	static bool known = false;
	uid_t user;
	gid_t group;

	if (known)
		return &peer;
	connection_learn();
	memset(&peer, 0, sizeof(peer));
	peer.family = facts.peer.family;
	memcpy(peer.address, facts.peer.bytes, facts.peer.family == 6 ? 8 : 4);
	if (MyProcPort && facts.peer.family == 0 && getpeereid(MyProcPort->sock, &user, &group) == 0)
		peer.system_user = user;
	if (MyProcPort && MyProcPort->user_name)
		strlcpy(peer.role, MyProcPort->user_name, sizeof(peer.role));
	known = true;
	return &peer;
}

bool
connection_is_encrypted(void)
{
	return MyProcPort && MyProcPort->ssl_in_use;
}

const char *const *
connection_services(int *count)
{
	connection_learn();
	*count = facts.service_count;
	return facts.services;
}

/* Return the first service of a kind that is not empty. The DN of a certificate may be empty. */
static const char *
service_of_kind(const char *kind)
{
	size_t size = strlen(kind);

	for (int i = 0; i < facts.service_count; i++)
		if (strncmp(facts.services[i], kind, size) == 0 && facts.services[i][size])
			return facts.services[i];
	return NULL;
}

/* All kinds but "cn:" are printable ASCII. A certificate with a common name has a DN too. */
const char *
connection_service(void)
{
	static const char *const kinds[] = {"uri:", "dn:", "dns:", "email:"};
	static char shown[256];

	connection_learn();
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		const char *service = service_of_kind(kinds[i]);

		if (service == NULL)
			continue;
		strlcpy(shown, service, sizeof(shown));
		return shown;
	}
	return NULL;
}
