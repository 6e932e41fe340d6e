// What ClickHouse's own client for Node makes of a store's read-only port: node clickhouse.mjs MODULES URL TENANT
// MODULES is the directory that holds node_modules. Prints one JSON object.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [modules, url, tenant] = process.argv.slice(2)
const { createClient } = createRequire(join(modules, 'package.json'))('@clickhouse/client')
const client = createClient({ url, database: 'streamguard', compression: { response: true, request: false } })

async function refusal(query) {
  try {
    await (await client.query({ query })).text()
    return null
  } catch (error) {
    return error.code
  }
}

const found = {
  ping: (await client.ping()).success,
  rows: await (
    await client.query({
      query: 'SELECT status, count() AS n FROM requests WHERE tenant_id = {tenant:String} GROUP BY status ORDER BY status',
      query_params: { tenant },
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, max_execution_time: 600 },
      format: 'JSONEachRow',
    })
  ).json(),
  streamed: 0,
  write: await refusal('DROP TABLE requests'),
  insert: await client.insert({ table: 'requests', values: [{ run: 1 }], format: 'JSONEachRow' }).then(() => null, (error) => error.code),
  file: await refusal("SELECT file('/etc/hosts')"),
}
const stream = (await client.query({ query: 'SELECT number FROM numbers(100000)', format: 'JSONEachRow' })).stream()
for await (const rows of stream) found.streamed += rows.length
await client.close()
console.log(JSON.stringify(found))
