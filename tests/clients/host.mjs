// SPDX-License-Identifier: MIT OR Apache-2.0
// A demonstration without pairing: the simulated plugins, or the shop that a configuration says.

import { startDaemon } from './daemon.mjs';

/** What `startDaemon` answers; `config` is the text of a configuration file, where the simulated plugins alone do not do. */
export function startHost({ config } = {}) {
  return startDaemon(['demo', '--serve-only'], { config });
}
