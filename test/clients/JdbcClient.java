// JDBC: setString, setBytes, PGobject, prepared statements of the server, preferQueryMode=simple, setReadOnly.
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import org.postgresql.util.PGobject;

public class JdbcClient {
	static final String TEXT = "M\u00fcller \u2713 'quoted'";
	static Connection connection;

	static String name(String secret) {
		return System.getenv("CLIENT") + "/" + secret;
	}

	static Connection connect(String user, String options) throws SQLException {
		return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/postgres?user=" + user + options);
	}

	static PGobject object(String type, String value) throws SQLException {
		PGobject object = new PGobject();
		object.setType(type);
		object.setValue(value);
		return object;
	}

	static void bind(PreparedStatement statement, Object[] arguments) throws SQLException {
		for (int i = 0; i < arguments.length; i++)
			if (arguments[i] == null)
				statement.setNull(i + 1, Types.VARCHAR);
			else if (arguments[i] instanceof byte[])
				statement.setBytes(i + 1, (byte[]) arguments[i]);
			else if (arguments[i] instanceof PGobject)
				statement.setObject(i + 1, arguments[i]);
			else
				statement.setString(i + 1, (String) arguments[i]);
	}

	static Object one(String text, Object... arguments) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(text)) {
			bind(statement, arguments);
			try (ResultSet result = statement.executeQuery()) {
				result.next();
				return result.getObject(1);
			}
		}
	}

	static Object state(String text, Object... arguments) {
		try {
			return one(text, arguments);
		} catch (SQLException error) {
			return error.getSQLState();
		}
	}

	static void say(String check, Object value) {
		if (value instanceof byte[]) {
			StringBuilder hex = new StringBuilder();
			for (byte b : (byte[]) value)
				hex.append(String.format("%02x", b));
			value = hex;
		}
		System.out.println(check + "\t" + value);
	}

	static void values() throws SQLException {
		say("put_text", one("SELECT vault.put(?, ?)", name("text"), TEXT));
		say("get_text", TEXT.equals(one("SELECT vault.get(?)", name("text"))));
		say("unchanged", one("SELECT vault.put(?, ?, if_changed => true)", name("text"), TEXT));
		say("put_bytes", one("SELECT vault.put(?, ?)", name("bytes"), new byte[] {0, (byte) 255}));
		say("get_bytes", one("SELECT vault.get_bytes(?)", name("bytes")));
		say("binary", state("SELECT vault.get(?)", name("bytes")));
		one("SELECT vault.put(?, ?)", name("text-bytes"), "plain".getBytes(StandardCharsets.UTF_8));
		say("text_bytes", one("SELECT vault.get(?)", name("text-bytes")));
		say("put_json", one("SELECT vault.put(?, ?)", name("json"), object("json", "{\"a\": 1}")));
		say("get_json", one("SELECT vault.get_json(?) ->> 'a'", name("json")));
		say("put_jsonb", one("SELECT vault.put(?, ?)", name("json"), object("jsonb", "{\"a\": 2}")));
		say("adapter", one("SELECT vault.put(?, ?)", name("json"), object("json", "{\"a\": 3}")));
		say("rotate_json", one("SELECT vault.rotate(?, ?)", name("json"), object("json", "{\"a\": 4}")));
		say("json_last", one("SELECT vault.get_json(?) ->> 'a'", name("json")));
		say("tags_untyped", one("SELECT vault.tag(?, ?) ->> 'team'", name("json"), "{\"team\": \"x\"}"));
		say("tags_json", one("SELECT vault.tag(?, ?) ->> 'team'", name("json"), object("json", "{\"team\": \"y\"}")));
		say("tags_jsonb", one("SELECT vault.tag(?, ?) ->> 'team'", name("json"), object("jsonb", "{\"team\": \"z\"}")));
		one("SELECT vault.put(?, ?, type => 'database', tags => ?)", name("env/url"), "postgres://u:p@h/d?pgbouncer=true", object("json", "{\"a\": \"b\"}"));
		say("many", one("SELECT value FROM vault.get_many(?, database_urls => true)", name("env/*")));
	}

	static void errors() throws SQLException {
		say("strict", state("SELECT count(*) FROM vault.get_many(?, strict => true)", name("*")));
		say("foreign", state("SELECT vault.get('elsewhere/one')"));
		say("absent", state("SELECT vault.get(?)", name("none")));
		say("null", state("SELECT vault.put(?, ?)", name("text"), null));
		say("form", state("SELECT vault.put(?, ?, type => 'password')", name("weak"), "hunter2"));
		say("weak", one("SELECT vault.put(?, ?, type => 'password', accept_weak => true)", name("weak"), "hunter2"));
	}

	static void prepared() throws SQLException {
		List<Object> read = new ArrayList<>();
		StringBuilder tags = new StringBuilder();
		try (PreparedStatement get = connection.prepareStatement("SELECT vault.get(?)"); PreparedStatement tag = connection.prepareStatement("SELECT vault.tag(?, ?) ->> 'n'")) {
			for (int n = 0; n < 8; n++) {
				one("SELECT vault.put(?, ?)", name("json"), object("json", "{\"a\": " + n + "}"));
				bind(get, new Object[] {name("json")});
				ResultSet result = get.executeQuery();
				result.next();
				read.add(result.getObject(1));
				bind(tag, new Object[] {name("json"), object("json", "{\"n\": \"" + n + "\"}")});
				result = tag.executeQuery();
				result.next();
				tags.append(result.getString(1));
			}
		}
		say("prepared", read.get(0).equals("{\"a\": 0}") && read.get(7).equals("{\"a\": 7}"));
		say("prepared_tags", tags.toString().equals("01234567"));
	}

	static void readOnly(String check, int level) throws SQLException {
		connection.setReadOnly(true);
		connection.setTransactionIsolation(level);
		connection.setAutoCommit(false);
		boolean got = TEXT.equals(one("SELECT vault.get(?)", name("text")));
		say(check, got ? one("SELECT type FROM vault.describe(?)", name("text")) : "nothing");
		say(check + "_put", state("SELECT vault.put(?, 'x')", name("text")));
		connection.rollback();
		connection.setAutoCommit(true);
	}

	public static void main(String[] arguments) throws SQLException {
		connection = connect("app", "");
		values();
		errors();
		prepared();
		readOnly("read_only", Connection.TRANSACTION_READ_COMMITTED);
		readOnly("serializable", Connection.TRANSACTION_SERIALIZABLE);
		connection = connect("app", "&preferQueryMode=simple");
		say("simple", one("SELECT vault.put(?, ?)", name("simple"), object("json", "{}")));
		connection = connect("stranger", "");
		say("stranger", state("SELECT vault.get(?)", name("text")));
	}
}
