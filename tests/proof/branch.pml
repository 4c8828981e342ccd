/* A branch: two readers of different stages may hold a read lease on one slot at the same time; kill -9 between any two
   steps. The slot is free again when both have let go of it.

   What is checked, as in ring.pml: nobody writes a slot that another one touches; every commit that counts ends a lease
   that is being worked on; nothing ever comes to a standstill.

   Build with one of these to see that the model would find a broken ledger (see test_ring_model.py):
     -DEARLY   the slot is free as soon as one reader has let go of it
     -DNOGEN   the generation and the incarnation of a commit are not looked at
     -DNORECL  what a dead worker held is not given back
     -DAPART   claims that the readers never share a slot: this must be found wrong, or the model would prove nothing
*/
#define SLOTS 2
#define WORKERS 3
#define WRITER 0
#define LEFT 1
#define RIGHT 2
#define GENERATIONS 4
#ifndef KILLS
#define KILLS 2
#endif

/* What the ledger knows: of each slot, who is still to come (bits), who holds it (bits), and the generation of each
   lease, which the slot counts through all of its leases. */
#define BIT(w) (1 << (w))
#define BOTH (BIT(LEFT) | BIT(RIGHT))
byte todo[SLOTS], held[SLOTS], counter[SLOTS];
byte lease[6]; /* slot * WORKERS + worker: the generation of that lease */
byte busy[WORKERS], incarnation[WORKERS];
#define IS_FREE(s) (todo[s] == 0 && held[s] == 0)
#define WAITS_FOR(s, w) ((todo[s] & BIT(w)) && !(held[s] & BIT(w)))

/* What is so */
#define WAITING 0
#define GRANTED 1
#define TOUCHING 2
byte at[WORKERS], its_slot[WORKERS], its_generation[WORKERS], its_incarnation[WORKERS];
byte kills;
chan sent = [3] of { byte, byte, byte, byte }; /* worker, slot, generation, incarnation */

#define LEND(worker) \
    w = worker; counter[s] = (counter[s] + 1) % GENERATIONS; held[s] = held[s] | BIT(w); \
    lease[s * WORKERS + w] = counter[s]; busy[w] = 1; \
    at[w] = GRANTED; its_slot[w] = s; its_generation[w] = counter[s]; its_incarnation[w] = incarnation[w]

#define FILL d_step { !busy[WRITER] && (IS_FREE(0) || IS_FREE(1)) -> \
    s = (IS_FREE(0) -> 0 : 1); LEND(WRITER); s = 0; w = 0 }
#define READ(worker) d_step { !busy[worker] && (WAITS_FOR(0, worker) || WAITS_FOR(1, worker)) -> \
    s = (WAITS_FOR(0, worker) -> 0 : 1); LEND(worker); s = 0; w = 0 }
#define TOUCH(worker) d_step { at[worker] == GRANTED -> at[worker] = TOUCHING }
#define COMMIT(worker) d_step { at[worker] == TOUCHING && nfull(sent) -> \
    sent ! worker, its_slot[worker], its_generation[worker], its_incarnation[worker]; at[worker] = WAITING }

#ifdef NOGEN
#define COUNTS (held[s] & BIT(w))
#else
#define COUNTS ((held[s] & BIT(w)) && lease[s * WORKERS + w] == g && incarnation[w] == i)
#endif

active proctype Everything() {
    byte w, s, g, i;
    do
    :: FILL :: READ(LEFT) :: READ(RIGHT)
    :: TOUCH(WRITER) :: TOUCH(LEFT) :: TOUCH(RIGHT)
    :: COMMIT(WRITER) :: COMMIT(LEFT) :: COMMIT(RIGHT)

    :: atomic {
        sent ? w, s, g, i ->
        if
        :: COUNTS ->
           held[s] = held[s] & ~BIT(w); busy[w] = 0; lease[s * WORKERS + w] = 0;
           if
           :: w == WRITER -> assert(IS_FREE(s)); todo[s] = BOTH
           :: else ->
              assert(todo[s] & BIT(w));
#ifdef EARLY
              todo[s] = 0; held[s] = 0
#else
              todo[s] = todo[s] & ~BIT(w)
#endif
           fi
        :: else -> skip
        fi;
        w = 0; s = 0; g = 0; i = 0 }

    /* kill -9; its death is certain; another one takes its place. Who was still to come still is. */
    :: atomic {
        kills < KILLS -> kills++;
        if :: w = WRITER :: w = LEFT :: w = RIGHT fi;
        at[w] = WAITING; incarnation[w] = incarnation[w] + 1; busy[w] = 0;
#ifndef NORECL
        held[0] = held[0] & ~BIT(w); held[1] = held[1] & ~BIT(w);
        lease[w] = 0; lease[WORKERS + w] = 0;
#endif
        w = 0 }
    od
}

#define ON(worker, slot) (at[worker] == TOUCHING && its_slot[worker] == slot)
#ifdef APART
#define CLASH(slot) (ON(LEFT, slot) && ON(RIGHT, slot))
#else
#define CLASH(slot) (ON(WRITER, slot) && (ON(LEFT, slot) || ON(RIGHT, slot)))
#endif

active proctype Monitor() {
end: /* it may wait for ever: only `Everything` must never stand still */
    d_step { CLASH(0) || CLASH(1) -> assert(false) }
}
