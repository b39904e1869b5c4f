// The direction of imports (ARCHITECTURE.md). Each rule says in its comment what it protects.
const tower = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from }, to: { path: to } });

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'A cycle has no first file to read.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    tower(
      'engine-is-host-agnostic',
      '^src/(aof|backend|rdb|cron)/|^src/engine\\.ts',
      '^src/(keyspace|commands|store|server|cli)/',
      'The engine serves any host.',
    ),
    tower(
      'commands-do-not-know-the-log',
      '^src/(keyspace|commands)/',
      '^src/(aof|cron|store|server|cli)/|^src/engine\\.ts|^src/backend/(?!backend\\.ts)',
      'A command declares how it propagates; store/dispatch does it.',
    ),
    tower('keyspace-is-below-commands', '^src/keyspace/', '^src/commands/', 'cli > server > store > commands > keyspace'),
    tower('store-is-below-server', '^src/store/', '^src/(server|cli)/', 'cli > server > store > commands > keyspace'),
    tower('server-is-below-cli', '^src/server/', '^src/cli/', 'cli > server > store > commands > keyspace'),
    tower(
      'backend-is-below-aof',
      '^src/backend/',
      '^src/(aof|cron|rdb)/|^src/engine\\.ts',
      'store > engine > cron > aof > backend > env > errors',
    ),
    tower(
      'aof-is-below-engine',
      '^src/aof/',
      '^src/(cron)/|^src/engine\\.ts',
      'store > engine > cron > aof > backend > env > errors',
    ),
    tower('env-is-a-leaf', '^src/env/', '^src/(?!env/|errors\\.ts)', 'Ports know nobody.'),
    tower('resp-is-a-leaf', '^src/resp/', '^src/(?!resp/|errors\\.ts)', 'Views and parsers of bytes know nobody.'),
    tower('config-is-a-leaf', '^src/config/', '^src/(?!config/|errors\\.ts)', 'The directives table knows nobody.'),
    tower('pure-never-touches-the-addon', '^src/pure\\.ts', '^src/backend/native/', 'everysec/pure loads no .node file.'),
    {
      name: 'pure-never-reaches-the-addon',
      severity: 'error',
      comment: 'everysec/pure loads no .node file, not even through another module.',
      from: { path: '^src/pure\\.ts' },
      to: { path: '^src/backend/native/', reachable: true },
    },
    tower(
      'policies-and-formats-are-pure',
      '-(policy|format)\\.ts$',
      '^(node:|fs|path|timers)|^src/(backend/(?!backend\\.ts)|env/node-env|engine|store|server|cli)',
      'A decision is a function of its arguments.',
    ),
    {
      name: 'node-fs-and-clocks-stay-at-the-edge',
      severity: 'error',
      comment: 'node:fs, timers, clocks and child processes appear only in env/node-*.ts, server/ and cli/.',
      from: { path: '^src/', pathNot: '^src/(env/node-[a-z-]+\\.ts|server/|cli/|backend/native/)' },
      to: { path: '^(node:)?(fs|fs/promises|timers|timers/promises|net|tls|http|child_process|os|worker_threads|readline)$' },
    },
    {
      name: 'keyspace-and-commands-use-no-node-modules',
      severity: 'error',
      comment: 'Buffers, and SHA-1 for DEBUG DIGEST, are all they need.',
      from: { path: '^src/(keyspace|commands)/' },
      to: { path: '^(node:)?[a-z_/]+$', dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|crypto)$' },
    },
    {
      name: 'real-environments-are-built-in-few-places',
      severity: 'error',
      comment: 'Time, files and logging are arguments; only compositions build real ones.',
      from: { path: '^src/', pathNot: '^src/(engine|aof|index|pure|server)\\.ts|^src/(store|server|cli|env)/' },
      to: { path: '^src/env/node-' },
    },
    {
      name: 'only-native-names-node-gyp-build',
      severity: 'error',
      comment: 'One place finds the addon.',
      from: { path: '^src/', pathNot: '^src/backend/native/' },
      to: { path: 'node-gyp-build' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default'] },
  },
};
