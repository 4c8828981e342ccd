/* Who may touch a slot: the ledger's rules, two writers and a reader, and kill -9 between any two steps.

   What is checked, in every order in which all of this can happen:
     - no two workers ever touch one slot at the same time (the monitor at the end);
     - a commit that counts always ends a lease that is being worked on (the assertion in `hear`);
     - nothing ever comes to a standstill (an invalid end state, for spin).

   What a worker does is three steps: a grant comes into its socket, it touches the slot, its commit leaves it, whole or
   not at all. The supervisor knows nothing of these steps: it sees commits, and deaths that are certain. A killed worker
   is replaced at once by a new incarnation with the same number; commits of the old one may still be under way.

   Build with one of these to see that the model would find a broken ledger (see test_ring_model.py):
     -DSTEAL   leases are taken back from a worker that is not dead
     -DNOGEN   the generation and the incarnation of a commit are not looked at
     -DNORECL  what a dead worker held is not given back
     -DLEAVING also: a writer is asked to leave (scale-down), drains and goes, and another takes its place; with -DHASTY
               its lease is taken back when it is asked, not when it has let go
*/
#define SLOTS 2
#define WORKERS 3
#define READER 2 /* workers 0 and 1 write */
#define GENERATIONS 4 /* then they wrap around, as the real ones do after 2^32 */
#ifndef KILLS
#define KILLS 2
#endif
#ifndef LEAVES
#define LEAVES 2
#endif

/* A slot, for the ledger */
#define FREE 0
#define FILLING 1
#define READY 2
#define READING 3

/* A worker, in truth */
#define WAITING 0
#define GRANTED 1 /* the grant lies in its socket */
#define TOUCHING 2

#define NOBODY 0
#define LEASED_TO(w) (w + 1)

/* What the ledger knows */
byte state[SLOTS], holder[SLOTS], generation[SLOTS];
byte busy[WORKERS], incarnation[WORKERS];

/* What is so */
byte at[WORKERS], its_slot[WORKERS], its_generation[WORKERS], its_incarnation[WORKERS];
byte kills;

#ifdef LEAVING
byte leaving[WORKERS], leaves;
chan sent = [3] of { byte, byte, byte, byte, bit }; /* worker, slot, generation, incarnation, untouched */
#define STAYS(w) !leaving[w]
#define UNTOUCHED , untouched
#define AS_DONE , 0
#else
chan sent = [3] of { byte, byte, byte, byte }; /* worker, slot, generation, incarnation */
#define STAYS(w) true
#define UNTOUCHED
#define AS_DONE
#endif

/* The ledger lends a slot in state `from` to a worker that holds none; the token is in the worker's socket. */
#define GRANT(worker, from, to) d_step { \
    !busy[worker] && STAYS(worker) && (state[0] == from || state[1] == from) -> \
    w = worker; s = (state[0] == from -> 0 : 1); \
    generation[s] = (generation[s] + 1) % GENERATIONS; state[s] = to; holder[s] = LEASED_TO(w); busy[w] = 1; \
    at[w] = GRANTED; its_slot[w] = s; its_generation[w] = generation[s]; its_incarnation[w] = incarnation[w] }

#define TOUCH(worker) d_step { at[worker] == GRANTED -> at[worker] = TOUCHING }

#define COMMIT(worker) d_step { at[worker] == TOUCHING && nfull(sent) -> \
    sent ! worker, its_slot[worker], its_generation[worker], its_incarnation[worker] AS_DONE; at[worker] = WAITING }

#ifdef NOGEN
#define COUNTS (holder[s] == LEASED_TO(w))
#else
#define COUNTS (holder[s] == LEASED_TO(w) && generation[s] == g && incarnation[w] == i)
#endif

/* What a worker held goes back to where it was before the grant. */
#define GIVE_BACK(worker) \
    q = 0; \
    do \
    :: q < SLOTS -> \
       if \
       :: holder[q] == LEASED_TO(worker) -> \
          holder[q] = NOBODY; generation[q] = (generation[q] + 1) % GENERATIONS; \
          state[q] = (state[q] == FILLING -> FREE : READY) \
       :: else \
       fi; \
       q++ \
    :: q >= SLOTS -> break \
    od

active proctype Everything() {
    byte w, s, g, i, q;
#ifdef LEAVING
    bit untouched;
#endif
    do
    :: GRANT(0, FREE, FILLING)
    :: GRANT(1, FREE, FILLING)
    :: GRANT(READER, READY, READING)

    :: TOUCH(0) :: TOUCH(1) :: TOUCH(READER)
    :: COMMIT(0) :: COMMIT(1) :: COMMIT(READER)

    /* A commit is heard. What does not match a lease does nothing. */
    :: atomic {
        sent ? w, s, g, i UNTOUCHED ->
        if
        :: COUNTS ->
           holder[s] = NOBODY; busy[w] = 0;
           if
#ifdef LEAVING
           :: untouched && state[s] == FILLING -> state[s] = FREE
           :: !untouched && state[s] == FILLING -> state[s] = READY
#else
           :: state[s] == FILLING -> state[s] = READY
#endif
           :: state[s] == READING -> state[s] = FREE
           :: else -> assert(false)
           fi
        :: else -> skip
        fi }

    /* kill -9; its death is certain; another one takes its place. */
    :: atomic {
        kills < KILLS -> kills++;
        if :: w = 0 :: w = 1 :: w = READER fi;
#ifndef STEAL
        at[w] = WAITING; incarnation[w] = incarnation[w] + 1; busy[w] = 0;
#endif
#ifdef LEAVING
        leaving[w] = 0;
#endif
#ifndef NORECL
        GIVE_BACK(w)
#endif
       }

#ifdef LEAVING
    /* A writer is asked to leave: nothing more is granted to it. */
    :: atomic {
        leaves < LEAVES -> leaves++;
        if :: w = 0 :: w = 1 fi;
        leaving[w] = 1;
#ifdef HASTY
        GIVE_BACK(w); busy[w] = 0
#endif
       }
    /* It gives back what it has not touched (or goes on with it: it may not have heard yet). */
    :: d_step { leaving[0] && at[0] == GRANTED && nfull(sent) ->
        sent ! 0, its_slot[0], its_generation[0], its_incarnation[0], 1; at[0] = WAITING }
    :: d_step { leaving[1] && at[1] == GRANTED && nfull(sent) ->
        sent ! 1, its_slot[1], its_generation[1], its_incarnation[1], 1; at[1] = WAITING }
    /* It holds nothing any more and goes; scaled up again, a new incarnation takes its number. */
    :: d_step { leaving[0] && !busy[0] -> leaving[0] = 0; incarnation[0] = incarnation[0] + 1 }
    :: d_step { leaving[1] && !busy[1] -> leaving[1] = 0; incarnation[1] = incarnation[1] + 1 }
#endif
    od
}

#define ON(worker, slot) (at[worker] == TOUCHING && its_slot[worker] == slot)

active proctype Monitor() {
end: /* it may wait for ever: only `Everything` must never stand still */
    d_step {
        (ON(0, 0) && ON(1, 0)) || (ON(0, 0) && ON(READER, 0)) || (ON(1, 0) && ON(READER, 0)) ||
        (ON(0, 1) && ON(1, 1)) || (ON(0, 1) && ON(READER, 1)) || (ON(1, 1) && ON(READER, 1)) ->
        assert(false) /* two workers touch one slot */
    }
}
