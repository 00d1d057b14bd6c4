import { Injectable } from '@nestjs/common';

/** The orders of this process. */
@Injectable()
export class Orders {
  private readonly items = new Map<number, string>();
  private lastId = 0;

  add(item: string): number {
    this.lastId += 1;
    this.items.set(this.lastId, item);
    return this.lastId;
  }

  has(id: number): boolean {
    return this.items.has(id);
  }

  remove(id: number): void {
    this.items.delete(id);
  }
}
