-- A mistyped name of the API is answered with the nearest one. A text that could be a value stays
-- hidden, and so does a name that is near none.
\set SHOW_CONTEXT never
-- functions
SELECT vault.gett('a');
SELECT vault.roatte('a', 'b');
SELECT vault.hunter('a');
SELECT vault.get();
-- views
SELECT * FROM vault.secretz;
SELECT * FROM vault.hunter;
SELECT * FROM vault."Secrets";
-- columns: what was typed may be a value, so it stays hidden
SELECT nmae FROM vault.secrets;
SELECT verzion FROM vault.versions;
SELECT s.enviroment FROM vault.secrets s;
SELECT enviroment, vault.status() FROM vault.secrets;
-- and what could be a value: pasted without quotes, or in double ones
SELECT vault.get(correcthorsebattery);
SELECT vault.put('a', "correct horse");
SELECT vault.put('a', hunter2);
SELECT vault.put('a', s.correcthorsebattery) FROM vault.secrets s;
SELECT correcthorsebattery.vault.get('a');
SELECT correcthorsebattery.get(vault.get('a'));
-- an exact column where it is not one
SELECT environment FROM vault.tenants;
