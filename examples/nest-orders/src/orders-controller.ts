import { HeadraceContext } from '@headrace/nestjs';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { interval, map, type Observable, take } from 'rxjs';
import { Orders } from './orders.ts';

const STATES = ['packed', 'on its way', 'delivered'];

@Controller()
export class OrdersController {
  private readonly orders: Orders;

  constructor(orders: Orders) {
    this.orders = orders;
  }

  @MessagePattern('order.place')
  place(@Payload() item: string, @Ctx() context: HeadraceContext): { id: number; shop: string } {
    const shop = context.getPrincipal<string>() ?? 'nobody';
    return { id: this.orders.add(item), shop };
  }

  /** Several answers to one request. A caller that unsubscribes ends them. */
  @MessagePattern('order.follow')
  follow(@Payload() id: number): Observable<string> {
    if (!this.orders.has(id)) throw new RpcException(`there is no order ${id}`);
    return interval(200).pipe(
      take(STATES.length),
      map((step) => STATES[step] as string),
    );
  }

  @EventPattern('order.cancelled')
  cancelled(@Payload() id: number): void {
    this.orders.remove(id);
  }
}
