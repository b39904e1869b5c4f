/** Directives, redis.conf, the command line, options, CONFIG GET and CONFIG SET. Texts are Redis 7.0.15's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.js';
import { Config } from '../../src/config/config.js';
import { DIRECTIVE_NAMES, directiveOf } from '../../src/config/directives.js';
import { matchesGlob } from '../../src/config/glob-format.js';
import { type ConfigOptions, fromOptionName, toOptionName } from '../../src/config/option-names.js';
import { quote, quoteIfNeeded, splitWords } from '../../src/config/quoted-words.js';
import { parseRedisConf } from '../../src/config/redis-conf.js';
import { parseMemory } from '../../src/config/units.js';
import { AofError } from '../../src/errors.js';

const noIncludes = () => {
  throw new Error('no includes here');
};

function loaded(text: string): Config {
  const config = new Config();
  config.load(parseRedisConf({ source: 'redis.conf', text }, noIncludes));
  return config;
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(AofError);
    expect(error).toMatchObject({ code: 'AOF_CONFIG' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('words of a line', () => {
  it.each([
    ['a  b\tc ', ['a', 'b', 'c']],
    ['"a b" c', ['a b', 'c']],
    ['"\\x41\\n\\"\\\\\\q" \'it\\\'s\'', ['A\n"\\q', "it's"]],
    ['"\\xc3\\xa4" ä', ['ä', 'ä']],
    ['ab"c d"', ['abc d']],
    ['""', ['']],
    ['', []],
  ])('%s', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it.each(['"a', "'a", '"a"b', "'a'b", 'a"'])('%s has quotes that do not match', (line) => {
    expect(splitWords(line)).toBeNull();
  });

  it('come back from quoting, whatever they hold', () => {
    const text = fc.string({ unit: 'binary' }).filter((word) => Buffer.from(word).toString() === word);
    fc.assert(
      fc.property(fc.array(text), (words) => {
        expect(splitWords(words.map(quote).join(' '))).toEqual(words);
        expect(splitWords(words.map(quoteIfNeeded).join(' '))).toEqual(words);
      }),
    );
  });
});

describe('the table', () => {
  it('has defaults which its own parsers take, so that CONFIG GET can be given back to CONFIG SET', () => {
    const config = new Config();
    for (const name of DIRECTIVE_NAMES) {
      const text = config.text(name) ?? '';
      expect(
        messageOrNull(() => config.load([{ words: [name, text], text, lineNumber: 1, source: 'x' }])),
        name,
      ).toBeNull();
      expect(config.text(name), name).toBe(text);
      expect(directiveOf(name).doc).not.toBe('');
    }
  });

  it('has an option name for each directive, and back', () => {
    for (const name of DIRECTIVE_NAMES) expect(fromOptionName(toOptionName(name))).toBe(name);
    expect(toOptionName('auto-aof-rewrite-percentage')).toBe('autoAofRewritePercentage');
    expect(toOptionName('aof_rewrite_cpulist')).toBe('aofRewriteCpulist');
  });
});

function messageOrNull(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return String(error);
  }
}

describe('units', () => {
  it.each([
    ['1k', 1000n],
    ['1kb', 1024n],
    ['1M', 1000000n],
    ['1Mb', 1048576n],
    ['1g', 1000000000n],
    ['2GB', 2147483648n],
    ['7', 7n],
    ['7b', 7n],
    ['', 0n],
    ['18446744073709551615', 18446744073709551615n],
  ])('%s', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it.each(['1.5mb', '-1', '1xb', 'kb', '1 kb', '18446744073709551616', '99999999999999999gb'])('%s is none', (text) => {
    expect(parseMemory(text)).toBeNull();
  });
});

describe('redis.conf', () => {
  it('takes comments, blanks, quotes, units, any case and values of several words', () => {
    const config = loaded(
      '# c\n\n  APPENDONLY YES \r\nrequirepass "a \\x41"\nmaxmemory 1kb\nbind 127.0.0.1 ::1\nsave 10 1\nsave 20 2',
    );
    expect(config.value('appendonly')).toBe(true);
    expect(config.value('requirepass')).toBe('a A');
    expect(config.value('maxmemory')).toBe(1024);
    expect(config.value('bind')).toEqual(['127.0.0.1', '::1']);
    expect(config.text('save')).toBe('10 1 20 2');
  });

  it.each([
    ['save 10 1\nsave ""', ''],
    ['save ""\nsave 20 2', '20 2'],
    ['save "10 1 20 2"', '10 1 20 2'],
    ['', '3600 1 300 100 60 10000'],
  ])('save lines add up: %j', (text, value) => {
    expect(loaded(text).text('save')).toBe(value);
  });

  it('output buffer limits of several lines add up by class', () => {
    const config = loaded('client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit replica 1kb 2 3');
    expect(config.text('client-output-buffer-limit')).toBe('normal 1 2 3 slave 1024 2 3 pubsub 33554432 8388608 60');
  });

  it.each([
    ['foo bar', 'Bad directive or wrong number of arguments'],
    ['appendonly maybe', "argument must be 'yes' or 'no'"],
    ['appendonly', 'wrong number of arguments'],
    ['appendonly yes no', 'wrong number of arguments'],
    ['appendonly "yes', 'Unbalanced quotes in configuration line'],
    ['appendfilename a/b', "appendfilename can't be a path, just a filename"],
    ['appendfilename ""', "appendfilename can't be empty"],
    ['appenddirname a/b', "appenddirname can't be a path, just a dirname"],
    ['appenddirname ..', "appenddirname can't be a path, just a dirname"],
    ['appenddirname ""', "appenddirname can't be empty"],
    ['dbfilename a/b', "dbfilename can't be a path, just a filename"],
    ['databases 0', 'argument must be between 1 and 2147483647 inclusive'],
    ['unixsocketperm 778', "argument couldn't be parsed as an octal number"],
    ['save 900', 'Invalid save parameters'],
    ['client-output-buffer-limit normal 1 2', 'Wrong number of arguments in buffer limit configuration.'],
    ['daemonize yes', 'daemonize is not supported: run the server under a supervisor such as systemd'],
    ['replicaof 10.0.0.1 6379', 'replicaof is not supported here with this value'],
    ['rename-command FLUSHALL ""', 'rename-command is not supported here with this value'],
    ['aof-buffer-limit 1k', 'argument must be between 1048576 and 9223372036854775807 inclusive'],
  ])('%s is refused with line number, line and reason', (line, reason) => {
    const said = messageOf(() => loaded(`hz 20\n#\n  ${line}\n`));
    expect(said).toBe(`Reading the configuration file, at line 3 of redis.conf\n>>> '${line}'\n${reason}`);
  });

  it('a refused line leaves everything as it was', () => {
    const config = new Config();
    const lines = parseRedisConf({ source: 'x', text: 'hz 20\nport abc' }, noIncludes);
    expect(() => config.load(lines)).toThrow(AofError);
    expect(config.value('hz')).toBe(10);
  });

  it('a redis.conf of a Redis that has more still loads, with a warning for each line that means nothing', () => {
    const config = new Config();
    const text = 'repl-diskless-sync yes\ncluster-enabled no\nport 7000\nactivedefrag no';
    const warnings = config.load(parseRedisConf({ source: 'redis.conf', text }, noIncludes));
    expect(warnings).toEqual([
      'redis.conf, line 1: repl-diskless-sync has no effect here',
      'redis.conf, line 2: cluster-enabled has no effect here',
      'redis.conf, line 4: activedefrag has no effect here',
    ]);
    expect(config.value('port')).toBe(7000);
  });

  it('an include stands for the lines of its files, and errors name the file', () => {
    const files: Record<string, string> = { 'b.conf': 'hz 20\ninclude c.conf', 'c.conf': 'port 1\nport x' };
    const read = (path: string, from: string) => [{ source: `${from}>${path}`, text: files[path] ?? '' }];
    const lines = parseRedisConf({ source: 'a', text: 'hz 30\ninclude b.conf\ntimeout 5' }, read);
    expect(lines.map(({ text }) => text)).toEqual(['hz 30', 'hz 20', 'port 1', 'port x', 'timeout 5']);
    expect(messageOf(() => new Config().load(lines))).toContain('at line 2 of a>b.conf>c.conf');
  });

  it('files that include themselves are refused', () => {
    const read = () => [{ source: 'a', text: 'include a' }];
    expect(messageOf(() => parseRedisConf({ source: 'a', text: 'include a' }, read))).toContain('include one another');
  });
});

describe('the command line', () => {
  it('is a file, then directives with their words', () => {
    const { configFile, lines } = parseCommandLine([
      'redis.conf',
      '--port',
      '7000',
      '--save',
      '900',
      '1',
      '--requirepass',
      'a b',
      '--save',
      '',
    ]);
    expect(configFile).toBe('redis.conf');
    expect(lines.map(({ words }) => words)).toEqual([
      ['port', '7000'],
      ['save', '900', '1'],
      ['requirepass', 'a b'],
      ['save', ''],
    ]);
    expect(lines.map(({ text }) => text)[2]).toBe('requirepass "a b"');
  });

  it('negative numbers are values', () => {
    const { configFile, lines } = parseCommandLine(['--slowlog-log-slower-than', '-1']);
    expect(configFile).toBeNull();
    expect(lines[0]?.words).toEqual(['slowlog-log-slower-than', '-1']);
  });

  it('errors show the line as Redis does', () => {
    const { lines } = parseCommandLine(['--appendonly', 'yes', 'no']);
    expect(messageOf(() => new Config().load(lines))).toBe(
      'Reading the configuration file, at line 1 of command line\n>>> \'appendonly "yes" "no"\'\nwrong number of arguments',
    );
  });
});

describe('options', () => {
  it('are camelCase, with booleans, numbers, units and lists', () => {
    const config = Config.fromOptions({
      appendonly: true,
      appendfsync: 'always',
      autoAofRewritePercentage: 50,
      aofBufferLimit: '64mb',
      maxmemory: 5,
      save: [{ seconds: 1, changes: 2 }],
      bind: '10.0.0.1 ::1',
      requirepass: '',
      dir: undefined,
    });
    expect(config.value('appendonly')).toBe(true);
    expect(config.value('auto-aof-rewrite-percentage')).toBe(50);
    expect(config.value('aof-buffer-limit')).toBe(64 * 1024 * 1024);
    expect(config.text('save')).toBe('1 2');
    expect(config.value('bind')).toEqual(['10.0.0.1', '::1']);
    expect(config.value('dir')).toBe('.');
  });

  it('that do not exist or do not fit are refused by name', () => {
    const bad = (options: unknown) => messageOf(() => Config.fromOptions(options as ConfigOptions));
    expect(bad({ appendFsync: 'always' })).toBe("option 'appendFsync' does not exist");
    expect(bad({ appendfsync: 'sometimes' })).toBe(
      'option \'appendfsync\' is "sometimes": argument(s) must be one of the following: everysec, always, no',
    );
    expect(bad({ port: 1.5 })).toContain("argument couldn't be parsed into an integer");
  });
});

describe('CONFIG GET', () => {
  it('finds by glob, each once, aliases besides, hidden ones by their whole name only', () => {
    const config = new Config();
    expect(config.get(['append[fo]*', 'appendonly', 'nope']).map(([name]) => name)).toEqual([
      'appendonly',
      'appendfilename',
      'appendfsync',
    ]);
    expect(config.get(['LIST-max-*'])).toEqual([
      ['list-max-listpack-size', '-2'],
      ['list-max-ziplist-size', '-2'],
    ]);
    expect(config.get(['key-load*'])).toEqual([]);
    expect(config.get(['key-load-delay'])).toEqual([['key-load-delay', '0']]);
    expect(config.get(['Hz'])).toEqual([['Hz', '10']]);
  });

  it.each([
    ['h?z', 'haz', true],
    ['h[^a]z', 'haz', false],
    ['h[a-c]z', 'hbz', true],
    ['h[c-a]z', 'hbz', true],
    ['h\\*', 'h*', true],
    ['h\\*', 'hx', false],
    ['*.*', 'a.b', true],
    ['a.b', 'axb', false],
    ['h[a', 'ha', true],
    ['', '', true],
  ])('pattern %s on %s: %s', (pattern, name, matches) => {
    expect(matchesGlob(pattern, name)).toBe(matches);
  });
});

describe('CONFIG SET', () => {
  it('sets several at once, in any case, with units, clamping only hz', () => {
    const config = new Config();
    config.set([
      ['APPENDFSYNC', 'ALWAYS'],
      ['maxmemory', '1gb'],
      ['hz', '100000'],
    ]);
    expect(config.get(['appendfsync', 'maxmemory', 'hz']).map(([, value]) => value)).toEqual(['always', '1073741824', '500']);
  });

  it.each([
    [['appendfsync', 'foo'], 'argument(s) must be one of the following: everysec, always, no'],
    [['appendonly', 'maybe'], "argument must be 'yes' or 'no'"],
    [['maxclients', '0'], 'argument must be between 1 and 4294967295 inclusive'],
    [['hz', '10 '], "argument couldn't be parsed into an integer"],
    [['maxmemory', '1xb'], 'argument must be a memory value'],
    [['databases', '4'], "can't set immutable config"],
    [['dir', '/tmp'], "can't set protected config"],
    [['timeout', '-1'], 'argument must be between 0 and 2147483647 inclusive'],
    [['shutdown-on-sigterm', 'save nosave'], "shutdown options SAVE and NOSAVE can't be used simultaneously"],
  ] as const)('%s is refused in Redis’s words', ([name, value], reason) => {
    const config = new Config();
    const said = messageOf(() => config.set([[name, value]]));
    expect(said).toBe(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`);
  });

  it('an unknown name and the same name twice are refused', () => {
    const config = new Config();
    const pairs = (...names: string[]) => names.map((name) => [name, '20'] as const);
    expect(messageOf(() => config.set(pairs('hz', 'nosuch')))).toBe(
      "Unknown option or number of arguments for CONFIG SET - 'nosuch'",
    );
    expect(messageOf(() => config.set(pairs('hz', 'hz')))).toContain("'hz') - duplicate parameter");
    expect(config.value('hz')).toBe(10);
  });

  it('protected directives follow enable-protected-configs', () => {
    const local = Config.fromOptions({ enableProtectedConfigs: 'local' });
    local.set([['dbfilename', 'x']], { isLocal: true });
    expect(messageOf(() => local.set([['dbfilename', 'y']]))).toContain("can't set protected config");
    Config.fromOptions({ enableProtectedConfigs: 'yes' }).set([['dbfilename', 'x']]);
  });

  it('calls hooks of changed directives only, with new and old value, until they are taken off', () => {
    const config = new Config();
    const calls: string[] = [];
    const stop = config.onChange('hz', (value, previous) => void calls.push(`${previous}>${value}`));
    config.set([['hz', '20']]);
    config.set([['hz', '20']]);
    stop();
    config.set([['hz', '30']]);
    expect(calls).toEqual(['10>20']);
  });

  it('a hook that refuses takes everything back, and undoes what other hooks did', () => {
    const config = new Config();
    const calls: string[] = [];
    config.onChange('hz', (value, previous) => void calls.push(`hz ${previous}>${value}`));
    config.onChange('timeout', () => {
      throw new Error('not today');
    });
    const said = messageOf(() =>
      config.set([
        ['hz', '20'],
        ['timeout', '5'],
        ['maxclients', '7'],
      ]),
    );
    expect(said).toBe("CONFIG SET failed (possibly related to argument 'timeout') - not today");
    expect(calls).toEqual(['hz 10>20', 'hz 20>10']);
    expect(config.get(['hz', 'timeout', 'maxclients']).map(([, value]) => value)).toEqual(['10', '0', '10000']);
  });

  it('waits for hooks that wait; a set in the meantime comes after it', async () => {
    const config = new Config();
    const order: string[] = [];
    let finish = (): void => undefined;
    config.onChange('appendonly', (value) => {
      order.push(`start ${value}`);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const first = config.set([['appendonly', 'yes']]);
    const second = config.set([['appendonly', 'no']]);
    expect(order).toEqual(['start true']);
    finish();
    await first;
    expect(config.value('appendonly')).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['start true', 'start false']);
    finish();
    await second;
    expect(config.value('appendonly')).toBe(false);
    expect(config.set([['hz', '20']])).toBeUndefined();
  });

  it('a hook that rejects takes everything back, and the next set goes on', async () => {
    const config = new Config();
    config.onChange('appendonly', async () => {
      throw new Error('Unable to turn on AOF. Check server logs.');
    });
    const first = config.set([
      ['hz', '20'],
      ['appendonly', 'yes'],
    ]);
    const second = config.set([['hz', '30']]);
    await expect(first).rejects.toThrow("argument 'appendonly') - Unable to turn on AOF. Check server logs.");
    await second;
    expect(config.get(['hz', 'appendonly']).map(([, value]) => value)).toEqual(['30', 'no']);
  });
});
