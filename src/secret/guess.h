/*
 * guess.h
 *		Values that somebody tries who may not read the secret.
 *
 * A type with a history refuses a value that was there before, and takes any other.  Who may
 * write and not read learns from that whether a guess is right, and can take back the
 * versions that wrong guesses make by rolling back.  So each try that is not committed, the
 * refused ones too, counts as a denial (LIMIT_DENIAL); one that is committed costs a place in
 * the history.
 */
#ifndef VAULT_SECRET_GUESS_H
#define VAULT_SECRET_GUESS_H

#include "secret/write.h"

/* Before the value is compared with the history; its fingerprint is known. */
extern void guess_note(const Write *write);

extern void guess_init(void);

#endif
