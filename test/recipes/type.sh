# A type with its own file: a PIN of digits.
# touches: src/type/
cat >src/type/pin.h <<'TEXT'
/*
 * pin.h
 *		The type pin.
 */
#ifndef VAULT_TYPE_PIN_H
#define VAULT_TYPE_PIN_H

#include "type/type.h"

extern const char *
pin_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);

#endif
TEXT
cat >src/type/pin.c <<'TEXT'
/*
 * pin.c
 *		Check PINs.
 */
#include "type/pin.h"

const char *
pin_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	const char *digits = value;

	(void) context;
	(void) facts;
	for (size_t i = 0; i < size; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return "it has a character that is no digit";
	return NULL;
}
TEXT
sed -i 's,^#include "type/password.h"$,&\n#include "type/pin.h",' src/type/builtin.c
insert_before src/type/builtin.c '^};$' <<'TEXT'
	{.name = "pin",
	 .description = "digits",
	 .hint = "Give digits.",
	 .check = pin_check,
	 .has_no_password = true},
TEXT
cat >sql/recipe_type.sql <<'TEXT'
CREATE ROLE regress_recipe_type;
SELECT vault.create_tenant('recipe-type', 'regress_recipe_type') IS NOT NULL AS made;
SET ROLE regress_recipe_type;
SELECT vault.put('pin', '1234', type => 'pin');
SELECT vault.get('pin');
SELECT vault.put('other', '12a4', type => 'pin');
SELECT vault.set_rotation('pin', rotator => 'postgres_role', config => '{"user": "a"}'::jsonb);
TEXT
