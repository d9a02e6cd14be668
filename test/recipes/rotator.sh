# A rotator that has no target, and makes values itself.
# touches: src/rotation/
cat >src/rotation/rotator_stamp.c <<'TEXT'
/*
 * rotator_stamp.c
 *		Rotate secrets to a value that has the number of the version before.
 */
#include "rotation/rotator.h"

static char *
rotator_stamp_create(const Rotation *rotation, size_t *size)
{
	char *value = psprintf("value after version %d", rotation->previous);

	*size = strlen(value);
	return value;
}

const Rotator stamp_rotator = {.name = "stamp", .create = rotator_stamp_create};
TEXT
echo 'ROTATOR(stamp)' >>src/rotation/rotatorlist.h
cat >sql/recipe_rotator.sql <<'TEXT'
CREATE ROLE regress_recipe_rotator;
SELECT vault.create_tenant('recipe-rotator', 'regress_recipe_rotator') IS NOT NULL AS made;
SET ROLE regress_recipe_rotator;
SELECT vault.put('key', 'first');
SELECT vault.set_rotation('key', 'on demand', 'stamp') IS NULL AS on_demand;
SELECT vault.rotate('key');
SELECT vault.get('key');
SELECT rotator, state FROM vault.rotation_status WHERE name = 'key';
SELECT vault.set_rotation('key', 'on demand', 'unknown');
TEXT
