// The official TypeScript client of the 1.x line.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { drive, version } from './lines.mjs';

await drive(async ({ url, headers }) => {
  const client = new Client({ name: 'interop', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return [
    client,
    {
      client: version('@modelcontextprotocol/sdk'),
      revision: transport.protocolVersion,
      server: client.getServerVersion()?.name,
      instructions: client.getInstructions(),
    },
  ];
});
