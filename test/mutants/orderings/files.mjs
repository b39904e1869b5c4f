/**
 * Orderings of files: manifest, base, upgrade, repair, segments, lock. Each entry breaks one rule by edits of the source; `from`
 * must stand in its file exactly once.
 */
const MANIFEST = 'src/aof/manifest/manifest-store.ts';
const UPGRADE = 'src/aof/manifest/upgrade.ts';
const FILE_SET = 'src/aof/file-set.ts';
const SEGMENTS = 'src/aof/segments.ts';
const REPAIR = 'src/aof/load/repair.ts';

export const fileOrderings = [
  {
    id: 'manifest-renamed-before-synced',
    rule: 'replace a file by temp, fsync, rename, fsync of the directory',
    edits: [
      { file: MANIFEST, from: '    await handle.sync();\n', to: '' },
      {
        file: MANIFEST,
        from: '      await files.rename(temp, this.path);\n',
        to: `      await files.rename(temp, this.path);
      const late = await files.open(this.path, 'update');
      await late.sync();
      await late.close();\n`,
      },
    ],
  },
  {
    id: 'manifest-directory-synced-before-rename',
    rule: 'replace a file by temp, fsync, rename, fsync of the directory',
    edits: [
      {
        file: MANIFEST,
        from: '      await files.rename(temp, this.path);\n      await files.syncDirectory(directory);\n',
        to: '      await files.syncDirectory(directory);\n      await files.rename(temp, this.path);\n',
      },
    ],
  },
  {
    id: 'manifest-current-before-durable',
    rule: 'the current manifest is the durable one',
    edits: [
      { file: MANIFEST, from: '    this.manifest = next;\n', to: '' },
      { file: MANIFEST, from: '    this.uncertain = true;\n', to: '    this.uncertain = true;\n    this.manifest = next;\n' },
    ],
  },
  {
    id: 'manifest-uncertain-after-rename',
    rule: 'from the rename on a crash may show either manifest',
    edits: [
      { file: MANIFEST, from: '    this.uncertain = true;\n', to: '' },
      {
        file: MANIFEST,
        from: '      await files.rename(temp, this.path);\n',
        to: '      await files.rename(temp, this.path);\n      this.uncertain = true;\n',
      },
    ],
  },
  {
    id: 'manifest-names-noted-after-switch',
    rule: 'nothing is deleted that a manifest a crash may show names',
    edits: [
      { file: MANIFEST, from: '    for (const file of filesOf(next)) this.possibleNames.add(file.name);\n', to: '' },
      {
        file: MANIFEST,
        from: '      await files.syncDirectory(directory);\n',
        to: '      await files.syncDirectory(directory);\n      for (const file of filesOf(next)) this.possibleNames.add(file.name);\n',
      },
    ],
  },
  {
    id: 'manifest-guard-before-written-only',
    rule: 'link count and inode of the directory are checked right before each manifest switch',
    edits: [{ file: MANIFEST, from: '      // Again: writing may have taken its time.\n      await guard?.check();\n', to: '' }],
  },
  {
    id: 'manifest-written-before-guard',
    rule: 'link count and inode of the directory are checked before anything is written there',
    edits: [{ file: MANIFEST, from: '    await guard?.check();\n    try {\n', to: '    try {\n' }],
  },
  {
    id: 'manifest-edits-beside-each-other',
    rule: 'one serialized manifest writer',
    edits: [
      {
        file: MANIFEST,
        from: 'this.tail.then(() => this.applyEdit(change))',
        to: 'Promise.resolve().then(() => this.applyEdit(change))',
      },
    ],
  },
  {
    id: 'manifest-edit-of-an-old-copy',
    rule: 'nobody edits a copy of the manifest taken earlier',
    edits: [
      {
        file: MANIFEST,
        from: 'const edited = this.tail.then(() => this.applyEdit(change));',
        to: 'const taken = this.manifest;\n    const edited = this.tail.then(() => this.applyEdit(() => change(taken)));',
      },
    ],
  },
  {
    id: 'upgrade-moved-before-named',
    rule: 'upgrade of a single file: the manifest names it, then it moves',
    edits: [
      {
        file: UPGRADE,
        from: '  const store = await ManifestStore.load({ files, directory, appendfilename });\n',
        to: `  await files.rename(\`\${dir}/\${appendfilename}\`, \`\${directory}/\${appendfilename}\`);
  const store = await ManifestStore.load({ files, directory, appendfilename });\n`,
      },
      { file: UPGRADE, from: `    await files.rename(from, \`\${directory}/\${appendfilename}\`);\n`, to: '' },
    ],
  },
  {
    id: 'upgrade-old-place-durable-before-new-one',
    rule: 'upgrade of a single file: a crash finds it in one place at least',
    edits: [
      {
        file: UPGRADE,
        from: '    await files.syncDirectory(directory);\n    await files.syncDirectory(dir);\n  } catch',
        to: '    await files.syncDirectory(dir);\n    await files.syncDirectory(directory);\n  } catch',
      },
    ],
  },
  {
    id: 'upgrade-directory-synced-before-made',
    rule: 'upgrade of a single file: the directory is durable before the manifest in it',
    edits: [
      {
        file: UPGRADE,
        from: '    // Also when it exists: whoever made it may have died before this.\n    await files.syncDirectory(dir);\n',
        to: '',
      },
      {
        file: UPGRADE,
        from: '    await files.mkdir(path).catch(',
        to: '    await files.syncDirectory(dir);\n    await files.mkdir(path).catch(',
      },
    ],
  },
  {
    id: 'first-base-named-before-made',
    rule: "a new file's directory entry is durable before a manifest names it",
    edits: [
      {
        file: FILE_SET,
        from: "const { name, seq } = await createFirstFree(this.#env, this.#directory, from, (at) => baseName(appendfilename, at, 'aof'));",
        to: "const { name, seq } = { name: baseName(appendfilename, from, 'aof'), seq: from };",
      },
      {
        file: FILE_SET,
        from: '    await manifests.edit((current) => withNewBase(current, { name, seq }, 0));\n',
        to: `    await manifests.edit((current) => withNewBase(current, { name, seq }, 0));
    await createFirstFree(this.#env, this.#directory, from, (at) => baseName(appendfilename, at, 'aof'));\n`,
      },
    ],
  },
  {
    id: 'history-lines-gone-before-files',
    rule: 'history lines go from the manifest after their files are gone',
    edits: [
      {
        file: FILE_SET,
        from: '    const gone = new Set<string>();\n',
        to: '    const gone = new Set<string>();\n    await manifests.edit((current) => withoutHistory(current));\n',
      },
    ],
  },
  {
    id: 'segment-directory-synced-before-made',
    rule: "a new file's directory entry is durable before a manifest names it",
    edits: [
      { file: SEGMENTS, from: '    await env.files.syncDirectory(directory);\n', to: '' },
      {
        file: SEGMENTS,
        from: "    const handle = await env.files.open(path, 'create');\n",
        to: "    await env.files.syncDirectory(directory);\n    const handle = await env.files.open(path, 'create');\n",
      },
    ],
  },
  {
    id: 'segment-name-used-again',
    rule: 'a roll that failed is tried again on a fresh file',
    edits: [
      {
        file: SEGMENTS,
        from: 'Math.max(nextIncrSeq(this.#appendfilename, this.#manifests.current), this.#lastSeq + 1)',
        to: 'nextIncrSeq(this.#appendfilename, this.#manifests.current)',
      },
      { file: SEGMENTS, from: "env.files.open(path, 'create')", to: "env.files.open(path, 'replace')" },
    ],
  },
  {
    id: 'new-file-over-an-old-one',
    rule: 'no new file is made over one that may hold what nothing else does',
    edits: [{ file: SEGMENTS, from: "env.files.open(path, 'create')", to: "env.files.open(path, 'replace')" }],
  },
  {
    id: 'doubtful-file-only-synced',
    rule: 'what nobody noted to be synced is written again before anything is acknowledged behind it',
    edits: [
      { file: FILE_SET, from: '    if (doubt === null) return;\n', to: '    if (doubt === null || signal !== null) return;\n' },
    ],
  },
  {
    id: 'leftovers-judged-by-an-old-manifest',
    rule: 'what the manifest does not name is judged before new files are made, or by the manifest that names them',
    edits: [
      {
        file: FILE_SET,
        from: '    await clearOrphans({ env: this.#env, dir, directory: this.#directory, appendfilename, manifest });\n    await this.#settleLoaded',
        to: '    await this.#settleLoaded',
      },
      {
        file: FILE_SET,
        from: '    const log = await this.#openLog(lsn, onProgress);\n    await this.collectHistory',
        to: `    const log = await this.#openLog(lsn, onProgress);
    await clearOrphans({ env: this.#env, dir, directory: this.#directory, appendfilename, manifest });
    await this.collectHistory`,
      },
    ],
  },
  {
    id: 'segment-counts-as-named-before-manifest',
    rule: 'a segment is named when a durable manifest names it',
    edits: [
      {
        file: SEGMENTS,
        from: '    await this.#manifests.edit((manifest) => segments.reduce(withSegment, manifest));\n',
        to: `    for (const segment of segments) segment.isNamed = true;
    await this.#manifests.edit((manifest) => segments.reduce(withSegment, manifest));\n`,
      },
    ],
  },
  {
    id: 'roll-name-before-cut',
    rule: 'roll (c): one manifest names the new segment and carries the cut of the old one',
    edits: [
      {
        file: SEGMENTS,
        from: '    await this.#manifests.edit((manifest) => segments.reduce(withSegment, manifest));\n',
        to: `    await this.#manifests.edit((manifest) =>
      segments.reduce((named, { cut: _, ...segment }) => withSegment(named, segment), manifest),
    );
    await this.#manifests.edit((manifest) => segments.reduce(withSegment, manifest));\n`,
      },
    ],
  },
  {
    id: 'roll-cut-forgotten-before-made',
    rule: 'roll (d) before (e): the file is cut, durably, before the manifest forgets the cut',
    edits: [
      {
        file: SEGMENTS,
        from: `    await cutFile(this.#env, join(this.#directory, segment.name), segment.cut);
    await this.#manifests.edit((manifest) => withoutCut(manifest, segment.name));\n`,
        to: `    await this.#manifests.edit((manifest) => withoutCut(manifest, segment.name));
    await cutFile(this.#env, join(this.#directory, segment.name), segment.cut);\n`,
      },
    ],
  },
  {
    id: 'start-cut-forgotten-before-made',
    rule: 'roll (d) before (e), when a start finishes it',
    edits: [
      {
        file: SEGMENTS,
        from: `      await cutFile(this.#env, join(this.#directory, name), cut);
      await this.#manifests.edit((manifest) => withoutCut(manifest, name));\n`,
        to: `      await this.#manifests.edit((manifest) => withoutCut(manifest, name));
      await cutFile(this.#env, join(this.#directory, name), cut);\n`,
      },
    ],
  },
  {
    id: 'segment-synced-before-cut',
    rule: 'roll (d): truncate the old segment, then fsync it',
    edits: [
      {
        file: SEGMENTS,
        from: '      if ((await handle.stat()).size > size) await handle.truncate(size);\n      await handle.sync();\n',
        to: '      await handle.sync();\n      if ((await handle.stat()).size > size) await handle.truncate(size);\n',
      },
    ],
  },
  {
    id: 'segment-removed-though-named',
    rule: 'nothing is deleted that a manifest a crash may show names',
    edits: [{ file: SEGMENTS, from: '    if (this.#manifests.mayBeNamed(segment.name)) return;\n', to: '' }],
  },
  {
    id: 'tail-cut-before-copied',
    rule: 'a torn tail: copy what is cut, then cut',
    edits: [
      {
        file: REPAIR,
        from: "  let copy = '';\n",
        to: `  const early = await files.open(path, 'update');
  await early.truncate(offset);
  await early.close();
  let copy = '';\n`,
      },
    ],
  },
  {
    id: 'tail-synced-before-cut',
    rule: 'a torn tail: cut, then fsync',
    edits: [
      {
        file: REPAIR,
        from: '      await file.truncate(offset);\n      await file.sync();\n',
        to: '      await file.sync();\n      await file.truncate(offset);\n',
      },
    ],
  },
  {
    id: 'old-copies-dropped-before-new-one-durable',
    rule: 'delete after what replaces it is durable',
    edits: [
      {
        file: REPAIR,
        from: `    await source.close();
  }
  await files.syncDirectory(dirname(path));
  await dropOldCopies(files, path);\n`,
        to: `    await source.close();
  }
  await dropOldCopies(files, path);
  await files.syncDirectory(dirname(path));\n`,
      },
    ],
  },
  {
    id: 'old-copies-dropped-before-aside-durable',
    rule: 'delete after what replaces it is durable',
    edits: [
      {
        file: REPAIR,
        from: `  await files.rename(path, name);
  await files.syncDirectory(dirname(path));
  await dropOldCopies(files, path);\n`,
        to: `  await files.rename(path, name);
  await dropOldCopies(files, path);
  await files.syncDirectory(dirname(path));\n`,
      },
    ],
  },
  {
    id: 'aside-directory-synced-before-rename',
    rule: 'what may be an only copy is moved, then its directory is synced',
    edits: [
      {
        file: REPAIR,
        from: '  await files.rename(path, name);\n  await files.syncDirectory(dirname(path));\n',
        to: '  await files.syncDirectory(dirname(path));\n  await files.rename(path, name);\n',
      },
    ],
  },
  {
    id: 'lock-looks-before-it-announces',
    rule: 'one writer per directory: who announces before looking sees the other one',
    edits: [
      {
        file: 'src/aof/lock/directory-lock.ts',
        from: "    if (!(await this.announce('candidate'))) return 'swept';\n",
        to: '',
      },
      {
        file: 'src/aof/lock/directory-lock.ts',
        from: '    if (rival !== null) return rival;\n',
        to: "    if (rival !== null) return rival;\n    if (!(await this.announce('candidate'))) return 'swept';\n",
      },
    ],
  },
  {
    id: 'manifest-read-before-locked',
    rule: 'one writer per directory: nothing is read or upgraded before the lock is held',
    edits: [
      {
        file: FILE_SET,
        from: `    this.#lock = await acquireDirectoryLock({
      env: this.#env,
      directory: this.#directory,
      appendfilename: this.#settings.appendfilename,
      tryFileLock: (path) => this.#backend.tryFileLock(path),
    });\n`,
        to: '',
      },
      {
        file: FILE_SET,
        from: '    await this.#refuseNewerSnapshot(this.#manifests.current);\n',
        to: `    this.#lock = await acquireDirectoryLock({
      env: this.#env,
      directory: this.#directory,
      appendfilename: this.#settings.appendfilename,
      tryFileLock: (path) => this.#backend.tryFileLock(path),
    });
    await this.#refuseNewerSnapshot(this.#manifests.current);\n`,
      },
    ],
  },
];
