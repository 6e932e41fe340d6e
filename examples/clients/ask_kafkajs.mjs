// Asks one question over Kafka and waits for its answer, with nothing but kafkajs.
//
//   node examples/clients/ask_kafkajs.mjs --brokers localhost:9092 --tenant acme --user anna "Where is my parcel?"
//
// Exit status: 0 answered, 1 refused, failed or escalated, 2 the cluster cannot be used, 3 no response in time.

import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Kafka, Partitioners, logLevel } from "kafkajs";

const env = process.env;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: "string", default: env.KAFKA_BROKERS ?? "localhost:9092" },
    prefix: { type: "string", default: "" }, // that the topics' names begin with
    tenant: { type: "string", default: "acme" },
    user: { type: "string", default: "example" },
    again: { type: "string" }, // the id of a request whose response was missed: costs nothing more
    timeout: { type: "string", default: "30" }, // in seconds
    help: { type: "boolean" },
  },
});
const [text] = positionals;
if (!text || options.help) {
  console.error("usage: ask_kafkajs.mjs [--brokers A] [--prefix P] [--tenant T] [--user U] [--again ID] [--timeout S] TEXT");
  process.exit(options.help ? 0 : 2);
}
const requestId = options.again ?? randomUUID();
const [requests, responses] = [`${options.prefix}requests`, `${options.prefix}responses`];

const protocol = env.KAFKA_SECURITY_PROTOCOL ?? "PLAINTEXT";
let ca;
try {
  ca = env.KAFKA_SSL_CA_FILE && readFileSync(env.KAFKA_SSL_CA_FILE);
} catch (error) {
  console.error(`the cluster cannot be used: ${error.message}`);
  process.exit(2);
}
const kafka = new Kafka({
  brokers: options.brokers.split(","),
  logLevel: logLevel.NOTHING,
  retry: { retries: 2 },
  ssl: protocol.endsWith("SSL") && (ca ? { ca } : true),
  sasl: protocol.startsWith("SASL")
    ? {
        mechanism: (env.KAFKA_SASL_MECHANISM ?? "SCRAM-SHA-512").toLowerCase(),
        username: env.KAFKA_SASL_USERNAME,
        password: env.KAFKA_SASL_PASSWORD,
      }
    : undefined,
});
const admin = kafka.admin();
// kafkajs reads in groups only. One of its own, which commits nothing and so is forgotten when it ends: every asker sees all
// responses and picks its own.
// A broker that has just come up loads its groups for some seconds, and says so: more patience than for an address or a user.
const consumer = kafka.consumer({ groupId: `ask-${randomUUID()}`, maxWaitTimeInMs: 100, retry: { retries: 6 } });
// Its default partitioner is Java's, so a tenant's requests lie where they belong.
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

async function ask() {
  await Promise.all([admin.connect(), consumer.connect(), producer.connect()]);
  // Where each partition ends now: "latest" would be looked up later, maybe after the response has come. But the response to an
  // id that was asked before lies there already and does not come again.
  const places = await admin.fetchTopicOffsets(responses);
  await consumer.subscribe({ topic: responses, fromBeginning: true });
  const answer = new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    // A request that an operator has replayed has a response for each run, all in one partition, and that of the highest holds:
    // so that partition is read to where it ended before.
    let found, place;
    const eachMessage = async ({ partition, message }) => {
      const response = JSON.parse(message.value ?? "{}");
      // an id is its tenant's alone: others may use the same
      if (response.tenant_id === options.tenant && response.request_id === requestId) {
        if (!found || response.run > found.run) found = response;
        place = partition;
      }
      const end = places.find((one) => one.partition === partition).high;
      if (found && partition === place && Number(message.offset) + 1 >= Number(end)) resolve(found);
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  answer.catch(() => {}); // whoever awaits it hears of it
  for (const { partition, low, high } of places) {
    consumer.seek({ topic: responses, partition, offset: options.again ? low : high });
  }
  // When this throws it is no proof that nothing arrived. Send it again under the same id: it is answered once.
  await producer.send({
    topic: requests,
    acks: -1,
    messages: [
      {
        key: options.tenant,
        value: JSON.stringify({
          request_id: requestId,
          tenant_id: options.tenant,
          user_id: options.user,
          messages: [{ role: "user", content: text }],
        }),
        // W3C trace context. Give that of the request that you are serving, and the line's telemetry joins your trace.
        headers: {
          schema: "streamguard.request/1",
          traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`,
        },
      },
    ],
  });
  return answer;
}

function show({ status, reason, output, retry_after_us: again, cost_nusd: cost }) {
  console.log(`request: ${requestId}\nstatus: ${status}`);
  if (reason) console.log(`reason: ${reason}`);
  if (output != null) console.log(`output: ${output}`);
  if (again != null) console.log(`ask again in: ${Math.ceil(again / 1e6)} s`);
  // whole nano-dollars; none where a price is unknown
  console.log(`cost: ${cost == null ? "unknown" : `$${(cost / 1e9).toFixed(9)}`}`);
  return status === "answered" ? 0 : 1;
}

let late;
const timeout = new Promise((resolve) => {
  late = setTimeout(resolve, Number(options.timeout) * 1000);
});
try {
  const response = await Promise.race([ask(), timeout]);
  if (!response) console.error(`no response to ${requestId} within ${options.timeout} s`);
  process.exitCode = response ? show(response) : 3;
} catch (error) {
  console.error(`the cluster cannot be used: ${error.message}`);
  process.exitCode = 2;
} finally {
  clearTimeout(late);
  // as long as a broker does not answer, it would wait for it, and so would the process
  const closed = Promise.allSettled([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2000))]);
  process.exit();
}
