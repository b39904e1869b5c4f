import { helpCommand, neverExecuted } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';
import { clientGetname, clientId, clientSetinfo, clientSetname } from './client-identity.js';
import { clientKill } from './client-kill.js';
import { clientInfo, clientList } from './client-list.js';
import { clientNoEvict, clientNoTouch } from './client-no-evict.js';
import { clientPause, clientUnpause } from './client-pause.js';
import { clientReply } from './client-reply.js';
import { clientCaching, clientGetredir, clientTracking, clientTrackinginfo } from './client-tracking.js';
import { clientUnblock } from './client-unblock.js';

const HELP = [
  'GETNAME',
  '    Return the name of the current connection.',
  'GETREDIR',
  '    Return -1: client-side caching is not supported.',
  'ID',
  '    Return the ID of the current connection.',
  'INFO',
  '    Return information about the current client connection.',
  'KILL <ip:port>',
  '    Kill connection made from <ip:port>.',
  'KILL <option> <value> [<option> <value> [...]]',
  '    Kill connections. Options are ADDR, ID, LADDR, MAXAGE, SKIPME, TYPE and USER.',
  'LIST [TYPE <type>] [ID <id> [<id> ...]]',
  '    Return information about client connections.',
  'NO-EVICT (ON|OFF)',
  '    Accepted; nothing is ever evicted.',
  'NO-TOUCH (ON|OFF)',
  '    Accepted.',
  'PAUSE <timeout> [WRITE|ALL]',
  '    Suspend all, or just write, clients for <timeout> milliseconds.',
  'REPLY (ON|OFF|SKIP)',
  '    Control the replies sent to the current connection.',
  'SETINFO (LIB-NAME|LIB-VER) <value>',
  '    Note the name or version of the client library.',
  'SETNAME <name>',
  '    Assign the name <name> to the current connection.',
  'UNBLOCK <clientid> [TIMEOUT|ERROR]',
  '    Unblock the specified blocked client.',
  'UNPAUSE',
  '    Stop the current client pause, resuming traffic.',
];

export const client: CommandSpec = {
  name: 'client',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Looks at connections and controls them.',
  since: '2.4.0',
  group: 'connection',
  showsNoData: true,
  subcommands: [
    clientCaching,
    clientGetname,
    clientGetredir,
    clientId,
    clientInfo,
    clientKill,
    clientList,
    clientNoEvict,
    clientNoTouch,
    clientPause,
    clientReply,
    clientSetinfo,
    clientSetname,
    clientTracking,
    clientTrackinginfo,
    clientUnblock,
    clientUnpause,
    helpCommand('client', 'connection', '5.0.0', HELP),
  ],
  execute: neverExecuted,
};
