"""psycopg 2: literals in the text of the statement, the simple protocol."""
import psycopg2
from psycopg2.extras import Json

from report import TEXT, name, other, say

connection = psycopg2.connect("")
connection.autocommit = True
cursor = connection.cursor()


def one(statement, *arguments):
    cursor.execute(statement, arguments)
    return cursor.fetchone()[0]


def state(statement, *arguments):
    try:
        return one(statement, *arguments)
    except psycopg2.Error as error:
        return error.pgcode


say("put_text", one("SELECT vault.put(%s, %s)", name("text"), TEXT))
say("get_text", one("SELECT vault.get(%s)", name("text")) == TEXT)
say("unchanged", one("SELECT vault.put(%s, %s, if_changed => true)", name("text"), TEXT))
say("put_bytes", one("SELECT vault.put(%s, %s)", name("bytes"), b"\x00\xff"))
say("get_bytes", one("SELECT vault.get_bytes(%s)", name("bytes")))
say("binary", state("SELECT vault.get(%s)", name("bytes")))
one("SELECT vault.put(%s, %s)", name("text-bytes"), b"plain")
say("text_bytes", one("SELECT vault.get(%s)", name("text-bytes")))
say("put_json", one("SELECT vault.put(%s, %s::json)", name("json"), Json({"a": 1})))
say("get_json", one("SELECT vault.get_json(%s)", name("json"))["a"])
say("put_jsonb", one("SELECT vault.put(%s, %s::jsonb)", name("json"), Json({"a": 2})))
say("adapter", one("SELECT vault.put(%s, %s)", name("json"), Json({"a": 3})))
say("rotate_json", one("SELECT vault.rotate(%s, %s::json)", name("json"), Json({"a": 4})))
say("json_last", one("SELECT vault.get_json(%s)", name("json"))["a"])
say("tags_untyped", one("SELECT vault.tag(%s, %s)", name("json"), Json({"team": "x"}))["team"])
say("tags_json", one("SELECT vault.tag(%s, %s::json)", name("json"), Json({"team": "y"}))["team"])
say("tags_jsonb", one("SELECT vault.tag(%s, %s::jsonb)", name("json"), Json({"team": "z"}))["team"])
one("SELECT vault.put(%s, %s, type => 'database')", name("env/url"), "postgres://u:p@h/d?pgbouncer=true")
say("many", one("SELECT value FROM vault.get_many(%s, database_urls => true)", name("env/*")))
say("strict", state("SELECT count(*) FROM vault.get_many(%s, strict => true)", name("*")))
say("foreign", state("SELECT vault.get('elsewhere/one')"))
say("absent", state("SELECT vault.get(%s)", name("none")))
say("null", state("SELECT vault.put(%s, %s)", name("text"), None))
say("form", state("SELECT vault.put(%s, %s, type => 'password')", name("weak"), "hunter2"))
say("weak", one("SELECT vault.put(%s, %s, type => 'password', accept_weak => true)", name("weak"), "hunter2"))

connection.autocommit = False
for check, level in (("read_only", "READ COMMITTED"), ("serializable", "SERIALIZABLE")):
    connection.set_session(isolation_level=level, readonly=True)
    say(check, one("SELECT vault.get(%s)", name("text")) == TEXT and one("SELECT type FROM vault.describe(%s)", name("text")))
    say(check + "_put", state("SELECT vault.put(%s, 'x')", name("text")))
    connection.rollback()
connection.close()
stranger = psycopg2.connect(other())
cursor = stranger.cursor()
say("stranger", state("SELECT vault.get(%s)", name("text")))
