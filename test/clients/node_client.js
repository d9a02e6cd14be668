// node-pg: parameters without types, Buffers, objects, named statements, and the simple protocol where there are no parameters.
const { Client } = require('pg');

const prefix = process.env.CLIENT + '/';
const name = (secret) => prefix + secret;
const TEXT = "M\u00fcller \u2713 'quoted'";
const say = (check, value) => console.log(check + '\t' + (Buffer.isBuffer(value) ? value.toString('hex') : value));

let client = new Client();

async function one(text, values, options) {
  const result = await client.query({ text, values, rowMode: 'array', ...options });
  return result.rows[0][0];
}

async function state(text, values) {
  try {
    return await one(text, values);
  } catch (error) {
    return error.code;
  }
}

async function main() {
  await client.connect();
  say('put_text', await one('SELECT vault.put($1, $2)', [name('text'), TEXT]));
  say('get_text', (await one('SELECT vault.get($1)', [name('text')])) === TEXT);
  say('unchanged', await one('SELECT vault.put($1, $2, if_changed => true)', [name('text'), TEXT]));
  say('put_bytes', await one('SELECT vault.put($1, $2::bytea)', [name('bytes'), Buffer.from([0, 255])]));
  say('get_bytes', await one('SELECT vault.get_bytes($1)', [name('bytes')]));
  say('binary', await state('SELECT vault.get($1)', [name('bytes')]));
  await one('SELECT vault.put($1, $2)', [name('text-bytes'), Buffer.from('plain')]);
  say('text_bytes', await one('SELECT vault.get($1)', [name('text-bytes')]));
  say('put_json', await one('SELECT vault.put($1, $2::json)', [name('json'), { a: 1 }]));
  say('get_json', (await one('SELECT vault.get_json($1)', [name('json')])).a);
  say('put_jsonb', await one('SELECT vault.put($1, $2::jsonb)', [name('json'), { a: 2 }]));
  say('adapter', await one('SELECT vault.put($1, $2)', [name('json'), { a: 3 }]));
  say('rotate_json', await one('SELECT vault.rotate($1, $2::json)', [name('json'), { a: 4 }]));
  say('json_last', (await one('SELECT vault.get_json($1)', [name('json')])).a);
  say('tags_untyped', (await one('SELECT vault.tag($1, $2)', [name('json'), { team: 'x' }])).team);
  say('tags_json', (await one('SELECT vault.tag($1, $2::json)', [name('json'), { team: 'y' }])).team);
  say('tags_jsonb', (await one('SELECT vault.tag($1, $2::jsonb)', [name('json'), { team: 'z' }])).team);
  await one("SELECT vault.put($1, $2, type => 'database', tags => $3)", [name('env/url'), 'postgres://u:p@h/d?pgbouncer=true', { a: 'b' }]);
  say('many', await one('SELECT value FROM vault.get_many($1, database_urls => true)', [name('env/*')]));
  say('strict', await state('SELECT count(*) FROM vault.get_many($1, strict => true)', [name('*')]));
  say('foreign', await state("SELECT vault.get('elsewhere/one')"));
  say('absent', await state('SELECT vault.get($1)', [name('none')]));
  say('null', await state('SELECT vault.put($1, $2)', [name('text'), null]));
  say('form', await state("SELECT vault.put($1, $2, type => 'password')", [name('weak'), 'hunter2']));
  say('weak', await one("SELECT vault.put($1, $2, type => 'password', accept_weak => true)", [name('weak'), 'hunter2']));

  const read = [await one('SELECT vault.get($1)', [name('json')], { name: 'read' })];
  await one('SELECT vault.put($1, $2::json)', [name('json'), { a: 5 }]);
  read.push(await one('SELECT vault.get($1)', [name('json')], { name: 'read' }));
  say('prepared', read.join(' ') === '{"a":4} {"a":5}');
  const tags = [];
  for (let n = 0; n < 8; n++)
    tags.push((await one('SELECT vault.tag($1, $2)', [name('json'), { n: String(n) }], { name: 'tag' })).n);
  say('prepared_tags', tags.join('') === '01234567');
  say('simple', (await one("SELECT vault.put('" + name('simple') + "', 'x')")) === 1);

  for (const [check, level] of [['read_only', 'READ COMMITTED'], ['serializable', 'SERIALIZABLE']]) {
    await client.query('BEGIN ISOLATION LEVEL ' + level + ' READ ONLY');
    const got = (await one('SELECT vault.get($1)', [name('text')])) === TEXT;
    say(check, got && (await one('SELECT type FROM vault.describe($1)', [name('text')])));
    say(check + '_put', await state("SELECT vault.put($1, 'x')", [name('text')]));
    await client.query('ROLLBACK');
  }
  await client.end();
  client = new Client({ user: 'stranger' });
  await client.connect();
  say('stranger', await state('SELECT vault.get($1)', [name('text')]));
  await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
