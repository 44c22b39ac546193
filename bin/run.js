#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`jamf-mcp: needs Node 22.12 or newer, and this is ${process.versions.node}\n`);
  process.stderr.write('  next: install a newer one: https://nodejs.org\n');
  process.exit(2);
}
(await import('node:module')).enableCompileCache?.();
await import('../dist/main.js');
