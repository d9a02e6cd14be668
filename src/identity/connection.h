/*
 * connection.h
 *		Verified facts of the client's connection.
 *
 * These are the facts of the TCP peer and of its verified TLS certificate, learnt once in a
 * backend.  A Unix socket has no address, and behind a proxy of vault.proxies there can be any
 * client.  Both count as unknown, unless a verified token has the address.  Results live as long
 * as the backend.
 */
#ifndef VAULT_IDENTITY_CONNECTION_H
#define VAULT_IDENTITY_CONNECTION_H

#include "platform/compat.h"

#include "context/call.h"
#include "platform/netblock.h"

/* Get the client's address; family 0 means unknown. */
extern void connection_address(const Caller *caller, NetAddress *address);

/*
 * The peer that failures are counted for.  It is the address; of IPv6 it is the network of 64 bits,
 * inside which a host chooses freely; on a Unix socket it is the user of the operating system.  In
 * all cases the role that the session was authenticated as belongs to it.
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
 * Get the names of the client certificate, each behind its kind and a colon: cn, dn, dns, uri,
 * email.  There is none without a certificate.
 */
extern const char *const *connection_services(int *count);

/*
 * Return the one of them that stands for the client in the audit trail, or NULL: the first "uri:",
 * else the "dn:", else any other name.  It has at most 255 bytes.
 */
extern const char *connection_service(void);

#endif
