/*
 * entry.h
 *		The one entry: every public function passes through it.
 *
 * On the way in the entry checks, in this order:
 *
 *		1. The module is preloaded, and this is the database of the vault.
 *		2. This is not a parallel worker, a security-restricted operation or a standby.  In a
 *		   security-restricted operation, REINDEX and the like run a table owner's code under
 *		   another role's name.  Only ENTRY_ANYONE works on a standby; ENTRY_VIEW does not.
 *		3. The vault is unsealed.  ENTRY_ANYONE and ENTRY_KEY_HOLDER skip this.
 *		4. The caller is identified by its token, else by its role.  ENTRY_KEY_HOLDER skips
 *		   this.
 *		5. The caller is of the kind that the function asks for.  A principal must also not be
 *		   in a back-off.
 *
 * Then vault_exec becomes the current user, search_path is pinned, and row security sees the tenant
 * of the call. The call is the current one (context/call.h) while the body runs. On every way out
 * all of that is undone, and the audit trail gets the outcome.
 *
 * The caller is GetUserId() at the entry of a SECURITY INVOKER function. The outer user and
 * session_user decide nothing: they can be a victim whose statement runs another role's code.
 *
 * The SQL functions of earlier features, which stand in FEATURE_sql.c, include this header; no
 * other file of an earlier feature does.
 */
#ifndef VAULT_ENTRY_ENTRY_H
#define VAULT_ENTRY_ENTRY_H

#include "platform/compat.h"

#include "context/call.h"

/*
 * Make the checks above, and fill the caller, without opening a call. Views use it, because a view
 * cannot close a call. Of the errors of a view, only those of step 4 are recorded: a refused token,
 * or a changed row.
 */
extern void entry_check(EntryKind kind, Caller *caller);

/*
 * Open the entry, run the body, and close the entry on every way out.  Returns what the body
 * returns.  An error from inside is passed on without its context, its internal query and the
 * detail of a constraint.
 */
typedef Datum (*EntryBody)(FunctionCallInfo fcinfo);
extern Datum entry_run(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a body that gets or makes values, passwords, keys or tokens.  Its memory context is
 * overwritten at the end, after an error too (platform/secret_memory.h).  The body returns a
 * varlena, which is copied out of that context, or a type that is passed by value.
 */
extern Datum entry_run_with_values(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a client's read of values.  The body executes no SQL, and therefore needs neither
 * another user nor a search_path; it records its reads itself (audit/recorder.h).
 */
extern Datum entry_read(FunctionCallInfo fcinfo, EntryBody body);

/*
 * Check once more, after a wait inside of entry_read(): raise if the call would be refused now, or
 * if the caller is another principal.  Updates the roles that the caller's token gives.  Not for
 * entry_run(), where the current user is vault_exec.
 */
extern void entry_check_again(void);

#endif
