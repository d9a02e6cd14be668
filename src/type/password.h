/*
 * password.h
 *		Values that somebody or something made up: what a policy asks of them, how hard
 *		they are to guess, and making them.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_PASSWORD_H
#define VAULT_TYPE_PASSWORD_H

#include "type/type.h"

/*
 * Bits that a guesser needs who knows the kinds of characters and tries words, sequences and
 * repetitions first.  An estimate from the value alone: what is known elsewhere is not seen.
 */
extern unsigned password_entropy(const void *value, size_t size);

/* The rule of the policy that the value breaks, or NULL. */
extern const char *
password_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);

/*
 * Bits of randomness that a value made up for the policy has, rounded down: whoever knows the
 * policy knows the prefix, and of which class a character is that must occur.
 */
extern unsigned password_random_bits(const TypePolicy *policy);

/* Made-up values of fewer bits than this, or than min_entropy, are not made; or NULL. */
#define PASSWORD_MIN_BITS 64
extern const char *password_policy_fault(const TypePolicy *policy);

/* A value that fulfils the policy, each such value as likely as any other. */
extern const char *password_generate(const TypeContext *context, char **out, size_t *out_size);

#endif
