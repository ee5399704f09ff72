// What Backstage makes of a config: reads cases on stdin, one JSON object a line, and writes one answer a line.
//
//   node answers.mjs <folder with node_modules> < cases.jsonl
//
// The folder has `@backstage/config-loader` 1.11.x and `@backstage/config` 1.3.x, with `@backstage/errors` overridden
// to 1.3.1. A case is `{files, env, targets?}` (the files' texts by name, the variables, and what `--config` names), or
// `{duration}`, `{number}` or `{boolean}`: a value to read as that. An answer is `{config}`, `{value}` or `{error}`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(resolve(process.argv[2] ?? '.'), '/'));
const { ConfigSources } = require('@backstage/config-loader');
const { ConfigReader, readDurationFromConfig } = require('@backstage/config');
const yaml = require('yaml');
const { durationToMilliseconds } = require('@backstage/types');

process.removeAllListeners('warning');
process.on('warning', () => {});
console.warn = () => {};

const KINDS = [
  [/env config key|Could not nest|Refusing to override|JSON-serialized/, 'variable'],
  [/expected object at config root/, 'root'],
  [/Config file .* does not exist/, 'file'],
  [/Failed to read config file/, 'include'],
  [/EISDIR/, 'file'],
];

function kind(error) {
  if (error.name === 'YAMLParseError' || error.name === 'ReferenceError') return 'yaml';
  return KINDS.find(([pattern]) => pattern.test(error.message))?.[1] ?? `other: ${error}`;
}

// An alias in its own anchor lets the loader run until memory ends.
function isCyclic(text) {
  try {
    JSON.stringify(/&[^]*[*]/.test(text) ? yaml.parse(text) : null);
    return false;
  } catch (error) {
    return error instanceof TypeError;
  }
}

async function load({ files, env = {}, targets = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'config-oracle-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    if (Object.values(files).some(isCyclic)) return { error: 'yaml' };
    process.env.BACKSTAGE_ENV = env.BACKSTAGE_ENV ?? '';
    const source = ConfigSources.default({
      rootDir: folder,
      argv: targets.flatMap(target => ['--config', join(folder, target)]),
      env,
      substitutionFunc: async name => (Object.hasOwn(env, name) ? env[name].trim() : undefined),
      watch: false,
    });
    const { value } = await source.readConfigData().next();
    return { config: ConfigReader.fromConfigs(value.configs).getOptional() ?? {} };
  } catch (error) {
    return { error: kind(error) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(name, value) {
  const config = new ConfigReader({ it: value });
  try {
    switch (name) {
      case 'duration':
        return { value: durationToMilliseconds(readDurationFromConfig(config, { key: 'it' })) };
      case 'number':
        return { value: config.getNumber('it') };
      default:
        return { value: config.getBoolean('it') };
    }
  } catch {
    return { error: 'value' };
  }
}

async function answer(test) {
  const name = ['duration', 'number', 'boolean'].find(it => it in test);
  return name ? read(name, test[name]) : await load(test);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
