// As `load.rs`, of Backstage: `node load.mjs <folder with node_modules> FOLDER`
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const require = createRequire(join(resolve(process.argv[2]), '/'));
const { ConfigSources } = require('@backstage/config-loader');
const { ConfigReader } = require('@backstage/config');

const ROUNDS = 101;
const LONGEST = 1000;

const folder = process.argv[3];
const targets = readdirSync(folder).sort().map(name => ({ type: 'path', target: join(folder, name) }));

async function load() {
  const started = performance.now();
  const source = ConfigSources.defaultForTargets({ targets, watch: false });
  const { value } = await source.readConfigData().next();
  ConfigReader.fromConfigs(value.configs).getOptional();
  return performance.now() - started;
}

const first = await load();
const started = performance.now();
const times = [];
while (!times.length || (times.length < ROUNDS && performance.now() - started < LONGEST)) {
  times.push(await load());
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({ first, again: times[Math.floor(times.length / 2)] }));
