// The official TypeScript client, 2.x. Without the mode 'auto' it speaks the revisions with `initialize` only.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { drive, version } from './lines.mjs';

await drive(async ({ url, headers, mode }) => {
  const client = new Client({ name: 'interop', version: '1.0.0' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return [
    client,
    {
      client: version('@modelcontextprotocol/client'),
      revision: client.getNegotiatedProtocolVersion(),
      server: client.getServerVersion()?.name,
      instructions: client.getInstructions(),
    },
  ];
});
