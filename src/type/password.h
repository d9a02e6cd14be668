/*
 * password.h
 *		Values that a person or a program chose: the rules of a policy, an estimate of their
 *		strength, and a generator.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_PASSWORD_H
#define VAULT_TYPE_PASSWORD_H

#include "type/type.h"

/*
 * Estimate the strength in bits: the guesses of a guesser that knows the classes of characters and
 * tries words, sequences and repetitions first. Only the value itself is examined, and no list of
 * known passwords.
 */
extern unsigned password_entropy(const void *value, size_t size);

/* Return the rule of the policy that the value breaks, or NULL. */
extern const char *
password_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);

/*
 * Return the bits of randomness of a value generated for the policy, rounded down. Not counted is
 * what the policy reveals: the prefix, and the class of each character that must occur.
 */
extern unsigned password_random_bits(const TypePolicy *policy);

/*
 * Values with fewer bits than this, or than min_entropy, are not generated. Returns the fault of
 * such a policy, or NULL.
 */
#define PASSWORD_MIN_BITS 64
extern const char *password_policy_fault(const TypePolicy *policy);

/* Generate a value that fulfils the policy. All such values are equally likely. */
extern const char *password_generate(const TypeContext *context, char **out, size_t *out_size);

#endif
