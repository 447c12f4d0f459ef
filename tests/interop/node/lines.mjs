// What the TypeScript drivers share; the lines are those that drivers/lines.py describes.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const methods = {
  'tools/list': (client) => client.listTools(),
  'tools/call': (client, parameters) => client.callTool(parameters),
  'resources/list': (client) => client.listResources(),
  'resources/templates/list': (client) => client.listResourceTemplates(),
  'resources/read': (client, parameters) => client.readResource(parameters),
  'prompts/list': (client) => client.listPrompts(),
  'prompts/get': (client, parameters) => client.getPrompt(parameters),
};

export function version(name) {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(file)).version}`;
}

// `opened(step)` answers [client, what it says of itself and of the server].
export async function drive(opened) {
  let client;
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    let outcome;
    try {
      if (step.do === 'connect') {
        await client?.close();
        client = undefined;
        let about;
        [client, about] = await opened(step);
        outcome = { ok: about };
      } else {
        outcome = { ok: await methods[step.do](client, step.with) };
      }
    } catch (failure) {
      outcome = { error: said(failure) };
    }
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
  process.exit(0);
}

// An HTTP refusal has its status as `code` (v1) or `status` (v2); a JSON-RPC error has a negative `code`.
function said(failure) {
  const error = { message: `${failure?.name}: ${failure?.message}` };
  for (let cause = failure; cause; cause = cause.cause) {
    const status = cause.status ?? cause.data?.status ?? (cause.code >= 100 ? cause.code : undefined);
    if (typeof status === 'number') error.status = status;
    if (typeof cause.code === 'number' && cause.code < 0) error.code = cause.code;
  }
  return error;
}
