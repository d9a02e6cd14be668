# A table whose rows decide something, in a feature of its own.
# touches: src/recipe/ Makefile
mkdir src/recipe
cat >src/recipe/recipe_tables.h <<'TEXT'
/*
 * recipe_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(RECIPE, .name = "recipe", .kind = "recipe", .id = 2, .covered = 4, .verified_as = "recipe",
	  .object = "x.id", .title = "x.name", .compared = "name", .deleted_as = 11)
TEXT
cat >src/recipe/recipe.tables.sql <<'TEXT'
CREATE TABLE vault_data.recipe (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	id         uuid NOT NULL,
	name       text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
--@ protect vault_data.recipe rows=tenant exec=select,insert,update,delete
--@	audit=recipe(name, revision) mac
TEXT
cat >src/recipe/recipe.functions.sql <<'TEXT'
CREATE FUNCTION vault_data.add_recipe(p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	made uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_administrator();
	INSERT INTO vault_data.recipe (tenant_id, id, name)
	VALUES (vault.current_tenant_id(), made, p_name);
	RETURN made;
END
$$;

--@ execute vault_exec: add_recipe
TEXT
cat >src/recipe/recipe.api.sql <<'TEXT'
CREATE FUNCTION vault.add_recipe(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.add_recipe(text) IS 'adds a recipe; returns its id';

--@ execute vault_client: add_recipe
TEXT
sed -i '/^FEATURES = /,/[^\\]$/s/ repair$/ recipe repair/' Makefile
cat >sql/recipe_table.sql <<'TEXT'
CREATE ROLE regress_recipe_table;
SELECT vault.create_tenant('recipe-table', 'regress_recipe_table') IS NOT NULL AS made;
SET ROLE regress_recipe_table;
SELECT vault.add_recipe('one') IS NOT NULL AS added, vault.add_recipe('two') IS NOT NULL AS added;
SELECT vault.add_recipe('three') IS NOT NULL AS added;
SELECT object_kind, name, fault FROM vault.verify();
RESET ROLE;
UPDATE vault_data.recipe SET name = 'won' WHERE name = 'one';
DELETE FROM vault_data.recipe WHERE name = 'three';
SELECT object_kind, name, fault FROM vault.verify('recipe-table') ORDER BY 2, 3;
SELECT vault.destroy_tenant('recipe-table', 'recipe-table');
SELECT count(*) FROM vault_data.recipe;
TEXT
