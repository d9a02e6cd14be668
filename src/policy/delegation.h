/*
 * delegation.h
 *		The rules for handing out permissions, and for taking them back; delegation.c has them.
 */
#ifndef VAULT_POLICY_DELEGATION_H
#define VAULT_POLICY_DELEGATION_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "context/call.h"
#include "policy/grants.h"

/*
 * Return true if the caller may hand out these permissions as the proposal gives them; with a mask
 * of 0, if it holds "grant" for that.
 */
extern bool delegation_may_hand_out(const VaultCall *call, int mask, const Grant *proposal);

/*
 * Return true if the caller may hand out, or take back, all that the role holds or will hold. For
 * a role that holds nothing, the caller must be an administrator.
 */
extern bool
delegation_may_change_member(const VaultCall *call, const pg_uuid_t *role, bool removes);

/*
 * Raise an error for a cycle, and for a chain of more than MAX_ROLE_DEPTH, if the member joins the
 * role. The caller holds the lock that serializes changes of memberships.
 */
extern void delegation_check_membership(const pg_uuid_t *tenant, const pg_uuid_t *role,
										const pg_uuid_t *member);

#endif
