/*
 * rotatorlist.h
 *		List the rotators: ROTATOR(name) for each struct Rotator name_rotator.
 *
 * The list is included several times, so it has no guard. Hints name the rotators in this order,
 * and the first one is used where a caller names none.
 */
ROTATOR(generate)
ROTATOR(postgres_role)
ROTATOR(postgres_remote)
ROTATOR(function)
ROTATOR(external)
