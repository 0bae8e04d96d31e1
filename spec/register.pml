/* The register: CASPaxos over three acceptors. Each Proposer is one invocation of changeRegister (one round: a second round under
 * a new ballot, before anything was proposed, is one more invocation), each Reader one look that never prepares. Requests go to all
 * acceptors at once; each is carried out at any later moment or never (loss, crash, lateness), also after its sender has gone on;
 * an answer may be lost on the way back. Asked: is there one history of values that explains every answer (linearizable)?
 */
#ifndef PROPOSERS
#define PROPOSERS 2
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef COUNTERS
#define COUNTERS 2   /* what an invocation may have seen before: 1 .. COUNTERS */
#endif
#define ACCEPTORS 3
#define MAJORITY 2
#define VALUES (PROPOSERS+1)

/* An acceptor's row; ballot 0 and value 0 are genesis. Value p+1 is what invocation p writes. */
byte promised[ACCEPTORS]; byte acceptedBallot[ACCEPTORS]; byte accepted[ACCEPTORS];
bit isMissing[ACCEPTORS];

/* Ghosts. By value, the set of values that it was made from, itself included; what was chosen last; what callers were told. */
byte history[VALUES]; byte chosen; byte told;
byte a;

#define has(set, v) (((set) >> (v)) & 1)

/* A majority has accepted a value under one ballot: it continues what was chosen before and all that callers were told; or it
 * is known so late that what was chosen since was made from it. */
inline noteChosen(v) {
  if
  :: has(history[v], chosen) -> assert((told & history[v]) == told); chosen = v
  :: else -> assert(has(history[chosen], v))
  fi
}

/* A caller is told a value: not older than what was chosen when it asked, and on the one line of history. */
inline tell(v, atBegin) {
  assert(has(history[v], atBegin));
  assert(has(history[chosen], v) || has(history[v], chosen));
  told = told | (1 << v)
}

/* Ballots are (counter, invocation): never shared. */
#ifdef PLANT_H1
#define ballotOf(counter, p) ((counter)*8 + 1)
#else
#define ballotOf(counter, p) ((counter)*8 + (p) + 1)
#endif

inline rest() { if :: phase == 3 && toAccept == 0 -> ballot = 0; value = 0 :: else fi }

/* A request that is refused changes nothing, so it need not be carried out. Nor need a prepare whose answer is not among the
 * first majority: it only makes an acceptor refuse more. */
inline prepareAt(n) {
  asked = asked | (1 << n); promised[n] = ballot; promises++;   /* "already promised to my ballot" is success */
  if
  :: acceptedBallot[n] > newest || promises == 1 -> newest = acceptedBallot[n]; current = accepted[n]; alike = 1
  :: acceptedBallot[n] == newest && promises > 1 -> alike++
  :: else
  fi
}

inline acceptAt(n) {
  toAccept = toAccept & ~(1 << n);
  promised[n] = ballot; acceptedBallot[n] = ballot; accepted[n] = value;
  if
  :: phase == 2 && accepts < MAJORITY ->
     accepts++;
     if :: accepts == MAJORITY -> noteChosen(value) :: else fi
  :: else
  fi;
  rest()
}


inline finish() { phase = 3; promises = 0; accepts = 0; newest = 0; current = 0; alike = 0; begin = 0; isRefusal = 0; expected = 0; asked = 0; rest() }

#define AT(n) \
  :: d_step { phase == 1 && !has(asked, n) && promises < MAJORITY && !isMissing[n] && promised[n] <= ballot -> prepareAt(n) } \
  :: d_step { has(toAccept, n) && !isMissing[n] && promised[n] <= ballot -> acceptAt(n) }

#define ANY 7   /* a change that asks for nothing */

proctype Proposer(byte p) {
  byte phase, ballot, asked, toAccept, promises, accepts, newest, current, alike, value, begin, expected;
  bit isRefusal;
end:
  do
  :: phase == 0 -> atomic {
       begin = chosen; phase = 1;
       if :: ballot = ballotOf(1, p) :: COUNTERS > 1 -> ballot = ballotOf(2, p) :: COUNTERS > 2 -> ballot = ballotOf(3, p) fi;
       if :: expected = 0 :: p > 0 -> expected = 1 :: expected = ANY fi
     }
  AT(0) AT(1) AT(2)
  /* a majority promised: the caller's function sees the newest value */
  :: d_step { phase == 1 && promises >= MAJORITY && (expected == ANY || expected == current) ->
       value = p+1; history[p+1] = history[current] | (1 << (p+1)); phase = 2; asked = 0; toAccept = 7 }
  :: d_step { phase == 1 && promises >= MAJORITY && expected != ANY && expected != current ->
#ifdef PLANT_C8
       tell(current, begin); finish()
#else
       if
       :: alike >= MAJORITY -> tell(current, begin); finish()
       :: else -> value = current; isRefusal = 1; phase = 2; asked = 0; toAccept = 7
       fi
#endif
     }
  :: d_step { phase == 2 && accepts >= MAJORITY -> tell(value, begin); finish() }
#ifdef PLANT_UNKNOWN
  :: d_step { phase == 2 && accepts < MAJORITY && !isRefusal -> tell(value, begin); finish() }
#endif
  od
}

inline readAt(n) {
  asked = asked & ~(1 << n); answers++;
  if
  :: answers == 1 || acceptedBallot[n] > newest -> newest = acceptedBallot[n]; value = accepted[n]; alike = 1
  :: answers > 1 && acceptedBallot[n] == newest -> alike++
  :: else
  fi
}
inline over() { isOver = 1; asked = 0; answers = 0; newest = 0; value = 0; alike = 0; begin = 0 }

proctype Reader() {
  byte asked, answers, newest, value, alike, begin;
  bit isOver;
end:
  do
  :: d_step { asked == 0 && answers == 0 && !isOver -> begin = chosen; asked = 7 }
  :: d_step { has(asked, 0) && !isMissing[0] && !isOver -> readAt(0) }
  :: d_step { has(asked, 1) && !isMissing[1] && !isOver -> readAt(1) }
  :: d_step { has(asked, 2) && !isMissing[2] && !isOver -> readAt(2) }
  /* one ballot at a majority: chosen, and current */
  :: d_step { answers >= MAJORITY && alike >= MAJORITY && !isOver -> tell(value, begin); over() }
  /* a majority, differing: at least as new as what was chosen before the look; told to nobody as chosen */
  :: d_step { answers == 3 && alike < MAJORITY && !isOver -> assert(has(history[value], begin)); over() }
  od
}

#ifdef PLANT_H3
/* An acceptor's table is restored as it was at first. */
active proctype Forget() { d_step { acceptedBallot[0] > 0 -> promised[0] = 0; acceptedBallot[0] = 0; accepted[0] = 0 } }
#endif
#ifdef LOST_TABLE
/* An acceptor's table is emptied: a missing row refuses. */
active proctype Empty() { end: d_step { !isMissing[0] -> isMissing[0] = 1; promised[0] = 0; acceptedBallot[0] = 0; accepted[0] = 0 } }
#endif

#ifdef REACH_CHAIN
active proctype Reach() { end: d_step { chosen > 0 && history[chosen] == (1 << (PROPOSERS+1)) - 1 -> assert(false) } }
#endif
#ifdef REACH_EMPTIED
active proctype Reach() { end: d_step { isMissing[0] && chosen > 0 && history[chosen] == (1 << (PROPOSERS+1)) - 1 && accepted[1] == chosen && accepted[2] == chosen -> assert(false) } }
#endif
#ifdef REACH_MINORITY
/* a value that stands at one acceptor only, under the highest ballot, while another was chosen */
active proctype Reach() { end: d_step { chosen > 0 && accepted[2] > 0 && accepted[2] != chosen && acceptedBallot[2] > acceptedBallot[0] && acceptedBallot[2] > acceptedBallot[1] -> assert(false) } }
#endif
#ifdef REACH_TOLD
active proctype Reach() { end: d_step { told == (1 << (PROPOSERS+1)) - 1 -> assert(false) } }
#endif

init {
  atomic {
    history[0] = 1;
    for (a : 0 .. PROPOSERS-1) { run Proposer(a) }
#if READERS > 0
    for (a : 1 .. READERS) { run Reader() }
#endif
    a = 0
  }
}
