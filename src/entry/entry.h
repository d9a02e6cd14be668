/*
 * entry.h
 *		The one entry: every public function passes through it.
 *
 * Going in: the module is preloaded and this is its database; no parallel
 * worker, no security-restricted operation (REINDEX and the like run a table
 * owner's code under another's name), no standby; the vault is unsealed unless
 * the kind says otherwise; the caller is who the kind asks for.  Then the
 * current user becomes vault_exec, search_path is pinned, and the call's tenant
 * is what row security sees.  Going out, on every way, all of that is undone.
 *
 * The caller is GetUserId() at the entry of a SECURITY INVOKER function: the
 * outer user and session_user can be a victim whose statement runs somebody
 * else's code.
 */
#ifndef VAULT_ENTRY_ENTRY_H
#define VAULT_ENTRY_ENTRY_H

#include "platform/compat.h"

#include "context/call.h"

/* Checks as for going in, for views: nothing is opened, and only an error in who it is recorded. */
extern void entry_check(EntryKind kind, Caller *caller);

/* Opens the entry, runs body, closes the entry on every way out. */
typedef Datum (*EntryBody)(FunctionCallInfo fcinfo);
extern Datum entry_run(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a body that gets or makes values, passwords, keys or tokens: its memory is one that
 * is overwritten at the end, after an error too (see platform/secret_memory.h).  It returns a
 * varlena, which is copied out of it, or by value.
 */
extern Datum entry_run_with_values(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a read of values that executes no SQL and therefore needs neither another user
 * nor a search_path.
 */
extern Datum entry_read(FunctionCallInfo fcinfo, EntryBody body);

/*
 * After a wait: what was checked on the way in is checked again, and the caller is who it was.
 * Not where the entry has become another user.
 */
extern void entry_check_again(void);

#endif
