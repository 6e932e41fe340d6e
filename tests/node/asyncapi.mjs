// What the official parser of AsyncAPI says about documents: node asyncapi.mjs MODULES FILE… prints a list, one entry a file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, ...files] = process.argv.slice(2);
const { Parser } = createRequire(`${modules}/`)("@asyncapi/parser");
const said = [];
for (const file of files) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  said.push({
    read: document !== undefined,
    operations: document ? document.operations().all().map((operation) => operation.id()) : [],
    diagnostics: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join("/") })),
  });
}
console.log(JSON.stringify(said));
