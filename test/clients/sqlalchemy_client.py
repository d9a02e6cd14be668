"""SQLAlchemy: functions of a schema, and its types of JSON."""
import sqlalchemy
from sqlalchemy import cast, create_engine, func, select, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.exc import DBAPIError

from report import TEXT, name, other, say

engine = create_engine("postgresql+psycopg2://", isolation_level="AUTOCOMMIT")
connection = engine.connect()
vault = func.vault


def one(expression, **arguments):
    return connection.execute(expression if arguments else select(expression), arguments or {}).scalar()


def state(expression):
    try:
        return one(expression)
    except DBAPIError as error:
        return error.orig.pgcode


def document(value, type_):
    return sqlalchemy.literal(value, type_)


say("put_text", one(vault.put(name("text"), TEXT)))
say("get_text", one(vault.get(name("text"))) == TEXT)
say("unchanged", one(text("SELECT vault.put(:name, :value, if_changed => true)"), name=name("text"), value=TEXT))
say("put_bytes", one(vault.put(name("bytes"), b"\x00\xff")))
say("get_bytes", one(vault.get_bytes(name("bytes"))))
say("binary", state(vault.get(name("bytes"))))
one(vault.put(name("text-bytes"), b"plain"))
say("text_bytes", one(vault.get(name("text-bytes"))))
say("put_json", one(vault.put(name("json"), cast(document({"a": 1}, JSON), JSON))))
say("get_json", one(vault.get_json(name("json")))["a"])
say("put_jsonb", one(vault.put(name("json"), cast(document({"a": 2}, JSONB), JSONB))))
say("adapter", one(vault.put(name("json"), document({"a": 3}, JSON))))
say("rotate_json", one(vault.rotate(name("json"), cast(document({"a": 4}, JSON), JSON))))
say("json_last", one(vault.get_json(name("json")))["a"])
say("tags_untyped", one(vault.tag(name("json"), document({"team": "x"}, JSON)))["team"])
say("tags_json", one(vault.tag(name("json"), cast(document({"team": "y"}, JSON), JSON)))["team"])
say("tags_jsonb", one(vault.tag(name("json"), cast(document({"team": "z"}, JSONB), JSONB)))["team"])
one(vault.put(name("env/url"), "postgres://u:p@h/d?pgbouncer=true", "database"))
say("many", one(text("SELECT value FROM vault.get_many(:pattern, database_urls => true)"), pattern=name("env/*")))
say("strict", state(text("count(*) FROM vault.get_many('%s', strict => true)" % name("*"))))
say("foreign", state(vault.get("elsewhere/one")))
say("absent", state(vault.get(name("none"))))
say("null", state(vault.put(name("text"), None)))
say("form", state(vault.put(name("weak"), "hunter2", "password")))
say("weak", one(text("SELECT vault.put(:name, 'hunter2', type => 'password', accept_weak => true)"), name=name("weak")))

for check, level in (("read_only", "READ COMMITTED"), ("serializable", "SERIALIZABLE")):
    with engine.connect().execution_options(isolation_level=level, postgresql_readonly=True) as connection:
        say(check, one(vault.get(name("text"))) == TEXT and one(text("type FROM vault.describe('%s')" % name("text"))))
        say(check + "_put", state(vault.put(name("text"), "x")))
connection = create_engine("postgresql+psycopg2:///?" + other()).connect()
say("stranger", state(vault.get(name("text"))))
