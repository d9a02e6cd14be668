"""psycopg 3: bound parameters in text and in binary, prepared statements, and the simple protocol of ClientCursor."""
import psycopg
from psycopg.types.json import Json, Jsonb

from report import TEXT, name, other, say

connection = psycopg.connect("", autocommit=True)


def one(statement, *arguments, **options):
    return connection.execute(statement, arguments, **options).fetchone()[0]


def state(statement, *arguments):
    try:
        return one(statement, *arguments)
    except psycopg.Error as error:
        return error.sqlstate


say("put_text", one("SELECT vault.put(%s, %s)", name("text"), TEXT))
say("get_text", one("SELECT vault.get(%s)", name("text"), binary=True) == TEXT)
say("unchanged", one("SELECT vault.put(%s, %b, if_changed => true)", name("text"), TEXT))
say("put_bytes", one("SELECT vault.put(%s, %b)", name("bytes"), b"\x00\xff"))
say("get_bytes", one("SELECT vault.get_bytes(%s)", name("bytes"), binary=True))
say("binary", state("SELECT vault.get(%s)", name("bytes")))
one("SELECT vault.put(%s, %s)", name("text-bytes"), b"plain")
say("text_bytes", one("SELECT vault.get(%s)", name("text-bytes")))
say("put_json", one("SELECT vault.put(%s, %s)", name("json"), Json({"a": 1})))
say("get_json", one("SELECT vault.get_json(%s)", name("json"), binary=True)["a"])
say("put_jsonb", one("SELECT vault.put(%s, %s)", name("json"), Jsonb({"a": 2})))
say("adapter", one("SELECT vault.put(%s, %b)", name("json"), Jsonb({"a": 3})))
say("rotate_json", one("SELECT vault.rotate(%s, %s)", name("json"), Json({"a": 4})))
say("json_last", one("SELECT vault.get_json(%s)", name("json"))["a"])
say("tags_untyped", one("SELECT vault.tag(%s, %s)", name("json"), '{"team": "x"}')["team"])
say("tags_json", one("SELECT vault.tag(%s, %s)", name("json"), Json({"team": "y"}))["team"])
say("tags_jsonb", one("SELECT vault.tag(%s, %s)", name("json"), Jsonb({"team": "z"}))["team"])
one("SELECT vault.put(%s, %s, type => 'database', tags => %s)", name("env/url"), "postgres://u:p@h/d?pgbouncer=true", Json({"a": "b"}))
say("many", one("SELECT value FROM vault.get_many(%s, database_urls => true)", name("env/*")))
say("strict", state("SELECT count(*) FROM vault.get_many(%s, strict => true)", name("*")))
say("foreign", state("SELECT vault.get('elsewhere/one')"))
say("absent", state("SELECT vault.get(%s)", name("none")))
say("null", state("SELECT vault.put(%s, %s)", name("text"), None))
say("form", state("SELECT vault.put(%s, %s, type => 'password')", name("weak"), "hunter2"))
say("weak", one("SELECT vault.put(%s, %s, type => 'password', accept_weak => true)", name("weak"), "hunter2"))

# A statement that the server has prepared reads what is there now, and takes its tags each time.
read = [one("SELECT vault.get(%s)", name("json"), prepare=True)]
one("SELECT vault.put(%s, %s)", name("json"), Json({"a": 5}))
read.append(one("SELECT vault.get(%s)", name("json"), prepare=True))
say("prepared", read == ['{"a": 4}', '{"a": 5}'])
say("prepared_tags", [one("SELECT vault.tag(%s, %s)", name("json"), Json({"n": str(n)}), prepare=True)["n"] for n in range(8)] == list("01234567"))
simple = psycopg.ClientCursor(connection)
say("simple", simple.execute("SELECT vault.put(%s, %s), vault.get(%s)", (name("simple"), TEXT, name("text"))).fetchone() == (1, TEXT))

connection.autocommit = False
connection.read_only = True
for check, level in (("read_only", psycopg.IsolationLevel.READ_COMMITTED), ("serializable", psycopg.IsolationLevel.SERIALIZABLE)):
    connection.isolation_level = level
    say(check, one("SELECT vault.get(%s)", name("text")) == TEXT and one("SELECT type FROM vault.describe(%s)", name("text")))
    say(check + "_put", state("SELECT vault.put(%s, 'x')", name("text")))
    connection.rollback()
connection.close()
connection = psycopg.connect(other())
say("stranger", state("SELECT vault.get(%s)", name("text")))
