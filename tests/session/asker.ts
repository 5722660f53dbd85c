// Under sudo, what is kept belongs to the one who asked.

import * as fs from "node:fs";
import * as path from "node:path";

/** Gives `kept`, and what is in it, to the user who called sudo; nothing without sudo. */
export function giveToAsker(kept: string): void {
  if (!fs.existsSync(kept)) return;
  const isFolder = fs.statSync(kept).isDirectory();
  const inside = isFolder ? fs.readdirSync(kept, { recursive: true }) : [];
  giveAlone(kept, ...inside.map((name) => path.join(kept, String(name))));
}

/** Gives these, and nothing that is in them. */
export function giveAlone(...paths: string[]): void {
  const [uid, gid] = [process.env["SUDO_UID"], process.env["SUDO_GID"]].map(Number);
  if (!uid || !gid) return;
  for (const one of paths) fs.lchownSync(one, uid, gid);
}
