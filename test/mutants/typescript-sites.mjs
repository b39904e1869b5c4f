/**
 * Every place in src/ that calls the port (src/env/files.ts), the block log or node:fs for durability: fdatasync, fsync, fsync of a
 * directory, rename, truncate, and the log's flush(true). Found by what a name means to the compiler, not by how it is spelled; a
 * place that takes such a function without calling it is an error, because no mutant could be made of it.
 */
import { join, relative } from 'node:path';
import ts from 'typescript';

/** Which member of which declaration file is what. */
const MEANINGS = [
  { file: /\/src\/env\/files\.ts$/, names: ['datasync', 'sync', 'truncate', 'syncDirectory', 'rename'] },
  { file: /\/src\/backend\/backend\.ts$/, names: ['flush', 'truncate'] },
  {
    file: /\/@types\/node\/fs(\/promises)?\.d\.ts$/,
    names: ['fsync', 'fdatasync', 'ftruncate', 'truncate', 'rename', 'sync', 'datasync'].flatMap((name) => [name, `${name}Sync`]),
  },
];

/** Members that are handed on as they are: whoever calls them is a site of its own. */
const HANDED_ON = [{ file: 'src/backend/native/native-log.ts', text: 'functions.flush' }];

/**
 * @typedef {{ file: string, line: number, scope: string, operation: string, start: number, end: number,
 *   edits: { kind: string, text: string }[] }} Site
 */

/** @returns {Site[]} in the order of files and lines. Throws where a use is not understood. */
export function findTypescriptSites(root) {
  const { options, fileNames } = readConfig(root);
  const program = ts.createProgram(fileNames, options);
  const checker = program.getTypeChecker();
  const sites = [];
  const handedOn = new Set(HANDED_ON.map(({ file, text }) => `${file} ${text}`));
  for (const source of program.getSourceFiles()) {
    const file = relative(root, source.fileName);
    if (!file.startsWith('src/')) continue;
    const visit = (node) => {
      if (ts.isIdentifier(node) && isDurable(checker, node)) {
        const access = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node ? node.parent : node;
        const call = access.parent;
        if (ts.isCallExpression(call) && call.expression === access) sites.push(...siteOf(source, file, node.text, call));
        else if (!isDeclaration(access) && !handedOn.delete(`${file} ${access.getText()}`)) {
          throw new Error(`${file}:${lineOf(source, node)}: ${node.text} is taken and not called: no mutant can be made of it`);
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  if (handedOn.size > 0) throw new Error(`these are not handed on any more: ${[...handedOn].join(', ')}`);
  return sites;
}

function readConfig(root) {
  const path = join(root, 'tsconfig.json');
  return ts.parseJsonConfigFileContent(ts.readConfigFile(path, ts.sys.readFile).config, ts.sys, root);
}

function isDurable(checker, node) {
  const symbol = checker.getSymbolAtLocation(node);
  const target = symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  for (const declaration of target?.declarations ?? []) {
    const { fileName } = declaration.getSourceFile();
    // A mapped or destructured member still points to where it was declared.
    if (MEANINGS.some(({ file, names }) => file.test(fileName) && names.includes(target.name))) return declaration.name !== node;
  }
  return false;
}

/** The name in an import, a type or a declaration does nothing. */
function isDeclaration(node) {
  return ts.isImportSpecifier(node.parent) || ts.isTypeNode(node.parent) || ts.isMethodSignature(node.parent);
}

function siteOf(source, file, name, call) {
  const [first] = call.arguments;
  if (name === 'flush' && first?.kind === ts.SyntaxKind.FalseKeyword) return [];
  const operation = name === 'flush' ? 'flush(true)' : name;
  const [start, end] = [call.getStart(), call.getEnd()];
  return [{ file, line: lineOf(source, call), scope: scopeOf(call), operation, start, end, edits: editsOf(name, call) }];
}

/** `removed`: it does nothing and succeeds. `ignored`: it is done, and its error is dropped where somebody would see it. */
function editsOf(name, call) {
  const text = call.getText();
  if (name === 'flush') return [{ kind: 'removed', text: `${call.expression.getText()}(false)` }];
  if (name.endsWith('Sync')) {
    return [
      { kind: 'removed', text: 'undefined' },
      { kind: 'ignored', text: `(() => { try { ${text} } catch {} })()` },
    ];
  }
  const callback = call.arguments.at(-1);
  if (callback !== undefined && (ts.isArrowFunction(callback) || ts.isFunctionExpression(callback))) {
    const done = `((${callback.getText()}))(null)`;
    const before = call.arguments.slice(0, -1).map((argument) => argument.getText());
    return [
      { kind: 'removed', text: `setImmediate(() => ${done})` },
      { kind: 'ignored', text: `${call.expression.getText()}(${[...before, `() => ${done}`].join(', ')})` },
    ];
  }
  const removed = { kind: 'removed', text: 'Promise.resolve()' };
  const parent = call.parent;
  const isIgnored = ts.isPropertyAccessExpression(parent) && parent.name.text === 'catch';
  return isIgnored ? [removed] : [removed, { kind: 'ignored', text: `${text}.catch(() => {})` }];
}

/** Class members and functions around it, as far as they have names. */
function scopeOf(node) {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if ((ts.isMethodDeclaration(at) || ts.isFunctionDeclaration(at)) && at.name !== undefined) return at.name.getText();
    if (ts.isConstructorDeclaration(at)) return 'constructor';
  }
  return 'module';
}

function lineOf(source, node) {
  return source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}
