/*
 * connection.h
 *		What is known for sure of the client's connection.
 *
 * Facts of the TCP peer and of its verified TLS certificate, learnt once a backend.  A
 * Unix socket has no address, and behind one of vault.proxies anybody can be: both
 * count as unknown, unless a verified token says the address.
 */
#ifndef VAULT_IDENTITY_CONNECTION_H
#define VAULT_IDENTITY_CONNECTION_H

#include "platform/compat.h"

#include "context/call.h"
#include "platform/netblock.h"

/* The client's address; family 0: unknown. */
extern void connection_address(const Caller *caller, NetAddress *address);

/*
 * Whom failures are counted against: the address (of IPv6 the network of 64 bits, inside
 * which a host chooses freely), on a Unix socket the user of the operating system; and in
 * both cases the role that the session was authenticated as.
 */
typedef struct Peer
{
	unsigned char family; /* 4, 6 or 0 */
	unsigned char address[16];
	uint32 system_user;
	char role[NAMEDATALEN];
} Peer;

extern const Peer *connection_peer(void);

extern bool connection_is_encrypted(void);

/*
 * "cn:…", "dn:…", "dns:…", "uri:…", "email:…" of the client certificate; none
 * without one.
 */
extern const char *const *connection_services(int *count);

/*
 * The one of them that stands for the client in the trail, or NULL: the first "uri:",
 * else the "dn:", else any other name.  At most 255 bytes.
 */
extern const char *connection_service(void);

#endif
