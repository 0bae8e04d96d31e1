/* Voters join and leave one at a time (docs/decisions/0016): the register's value decides the next set of acceptors, each
 * acceptor's row says in which set it votes, and that is in every condition. Acceptors A, B, C and the new D; sets 0, 1, 2.
 * Each Proposer is one invocation, which may be late from any set that was ever decided; it makes an ordinary change, or decides
 * the next set. Seeding the new acceptor and moving the rows on are steps that anybody may do at any time once a set is decided:
 * with a chosen value, or with one that some row of this set has ever held (whoever lacks promises asks no more than that).
 * Asked: is there still one history of values?
 */
#ifndef PROPOSERS
#define PROPOSERS 3
#endif
#ifndef COUNTERS
#define COUNTERS 1
#endif
#define ACCEPTORS 4
#define JOINING 7
#define NONE 7
#define D 3

/* Sets as masks: A 1, B 2, C 4, D 8. */
#ifdef PLANT_ONESTEP
#define SET1 14       /* replaced in one step */
#define SET2 14
#define SETS 1
#else
#define SETS 2
#ifdef REPLACE
#define SET1 6        /* remove A, then add D */
#else
#define SET1 15       /* add D, then remove A */
#endif
#define SET2 14
#endif
#define members(c) ((c) == 0 -> 7 : ((c) == 1 -> SET1 : SET2))
#define sizeOf(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1))
#define majorityOf(c) (sizeOf(members(c)) / 2 + 1)
#define has(set, v) (((set) >> (v)) & 1)

byte row[ACCEPTORS]; byte promised[ACCEPTORS]; byte acceptedBallot[ACCEPTORS]; byte accepted[ACCEPTORS];
/* By value (0: genesis; p+1: what invocation p writes): the set it was proposed under, the next set it carries, its ballot. */
byte under[PROPOSERS+1]; byte next[PROPOSERS+1] = NONE; byte ballotOf[PROPOSERS+1]; bit wasChosen[PROPOSERS+1];
bit isDecided[3];
/* By value, the sets in which some row has held it: what a promise may have shown, however long ago. */
byte heldIn[PROPOSERS+1];
/* Ghosts. */
byte history[PROPOSERS+1]; byte chosen;

#ifdef PLANT_CONFIG
#define votesIn(n, c) (row[n] != JOINING)
#else
#define votesIn(n, c) (row[n] == c)
#endif

/* Rows of one set that show one ballot, at a majority of it, have chosen it, wherever each accepted it. */
#define holds(n, c, v) (has(members(c), n) && row[n] == (c) && accepted[n] == (v))
#define alike(c, v) (holds(0, c, v) + holds(1, c, v) + holds(2, c, v) + holds(3, c, v))
inline stands(n) {
  heldIn[accepted[n]] = heldIn[accepted[n]] | (1 << row[n]);
  if
  :: accepted[n] > 0 && alike(row[n], accepted[n]) >= majorityOf(row[n]) -> noteChosen(accepted[n])
  :: else
  fi
}

inline noteChosen(v) {
  /* it continues what was chosen before, or what was chosen before was made from it */
  assert(has(history[v], chosen) || has(history[chosen], v));
  if :: has(history[v], chosen) -> chosen = v :: else fi;
  wasChosen[v] = 1;
  if :: next[v] != NONE -> isDecided[next[v]] = 1 :: else fi
}

inline prepareAt(n) {
  asked = asked | (1 << n); promised[n] = ballot; promises++;
  if
  :: promises == 1 || acceptedBallot[n] > newest -> newest = acceptedBallot[n]; current = accepted[n]
  :: else
  fi
}

inline acceptAt(n) {
  toAccept = toAccept & ~(1 << n); accepts++;
  promised[n] = ballot; acceptedBallot[n] = ballot; accepted[n] = p+1;
  if
  :: accepts == majorityOf(set) -> noteChosen(p+1)
  :: else
  fi;
  stands(n)
}

#ifdef REACH_HELPED
/* the seeded row makes a value chosen that only a minority had accepted */
#define REACHED_HELPED(v) assert(wasChosen[v] || v == 0 || alike(row[D], v) < majorityOf(row[D]));
#else
#define REACHED_HELPED(v)
#endif
inline seed(v, b, c) { row[D] = c; promised[D] = b; acceptedBallot[D] = b; accepted[D] = v; REACHED_HELPED(v) stands(D) }

#define AT(n) \
  :: d_step { phase == 1 && has(members(set), n) && !has(asked, n) && promises < majorityOf(set) && votesIn(n, set) && promised[n] < ballot -> prepareAt(n) } \
  :: d_step { phase == 2 && has(toAccept, n) && votesIn(n, set) && promised[n] <= ballot -> acceptAt(n) }

/* A prepare that is carried out and not heard only makes an acceptor refuse more: it is left out. */
proctype Proposer(byte p) {
  byte phase, ballot, set, asked, promises, newest, current, toAccept, accepts;
  bit isVoterChange;
end:
  do
  :: phase == 0 -> atomic {
       if :: ballot = 8+p :: COUNTERS > 1 -> ballot = 16+p fi;
       if :: set = 0 :: isDecided[1] -> set = 1 :: isDecided[2] -> set = 2 fi;
#if PROPOSERS > 3
       isVoterChange = (p < 2 && set < SETS);   /* four: two decide sets, two make ordinary changes */
#else
       if :: isVoterChange = 0 :: set < SETS -> isVoterChange = 1 fi;
#endif
       phase = 1
     }
  AT(0) AT(1) AT(2) AT(3)
#ifdef PLANT_OWNBALLOT
  /* too few have promised, and the empty row gets what they hold under the ballot that asks */
  :: d_step { phase == 1 && promises > 0 && row[D] == JOINING && isDecided[set] && has(members(set), D) -> seed(current, ballot, set) }
#endif
  /* a majority of the set promised: the newest value is changed, or refused where another set is still on its way */
  :: d_step { phase == 1 && promises == majorityOf(set) ->
       asked = 0; promises = 0; newest = 0;
       if
#ifdef PLANT_HASTE
       :: isVoterChange && next[current] != NONE && next[current]+1 <= SETS -> next[p+1] = next[current]+1; phase = 2
       :: isVoterChange && next[current] == NONE -> next[p+1] = set+1; phase = 2
       :: isVoterChange && next[current] == SETS -> phase = 3
#else
       :: isVoterChange && (next[current] == NONE || next[current] == set) -> next[p+1] = set+1; phase = 2
       :: isVoterChange && next[current] != NONE && next[current] != set -> phase = 3
#endif
       :: !isVoterChange -> next[p+1] = (next[current] == set -> NONE : next[current]); phase = 2
       fi;
       if
       :: phase == 2 -> under[p+1] = set; ballotOf[p+1] = ballot; history[p+1] = history[current] | (1 << (p+1)); toAccept = members(set)
       :: else
       fi;
       current = 0
     }
  od
}

/* A row moves on to a set that was decided, and keeps what it promised and accepted. */
#define MOVE(n, c) :: d_step { isDecided[c] && row[n] != JOINING && row[n] < c && has(members(c), n) -> row[n] = c; stands(n) }
/* The empty row that a set admits gets a value that was chosen and belongs to that set or leads to it, or one that a row of the set holds. */
#define SEED(v, c) :: d_step { isDecided[c] && row[D] == JOINING && has(members(c), D) && ((wasChosen[v] && (under[v] == c || next[v] == c)) || has(heldIn[v], c)) -> \
  seed(v, ballotOf[v], c) }

active proctype Anybody() {
end:
  do
  MOVE(0,1) MOVE(1,1) MOVE(2,1) MOVE(3,1) MOVE(0,2) MOVE(1,2) MOVE(2,2) MOVE(3,2)
  SEED(0,1) SEED(1,1) SEED(2,1) SEED(0,2) SEED(1,2) SEED(2,2)
#ifdef PLANT_MIXED
  /* the ballot of one promise and the value of another */
#define MIX(v, w, c) :: d_step { isDecided[c] && row[D] == JOINING && has(members(c), D) && has(heldIn[v], c) && has(heldIn[w], c) -> seed(w, ballotOf[v], c) }
  MIX(1,0,1) MIX(2,0,1) MIX(1,2,1) MIX(2,1,1) MIX(1,0,2) MIX(2,0,2) MIX(1,2,2) MIX(2,1,2)
#endif
#if PROPOSERS > 2
  SEED(3,1) SEED(3,2)
#endif
#if PROPOSERS > 3
  SEED(4,1) SEED(4,2)
#endif
  od
}

#ifdef PLANT_MARK
/* The new acceptor's table is emptied, and its new row is taken for the one that was admitted (H3). */
active proctype Forget() { end: d_step { row[D] != JOINING && accepted[D] > 0 -> row[D] = JOINING; promised[D] = 0; acceptedBallot[D] = 0; accepted[D] = 0 } }
#endif

#ifdef REACH_INFORCE
active proctype Reach() { end: d_step { chosen > 0 && under[chosen] == 2 -> assert(false) } }
#endif
#ifdef REACH_BEHIND
/* the last set is decided, and an acceptor of it still votes in the first one */
active proctype Reach() { end: d_step { isDecided[SETS] && row[1] == 0 -> assert(false) } }
#endif

init {
  atomic {
    history[0] = 1; heldIn[0] = 1; row[D] = JOINING; wasChosen[0] = 1; isDecided[0] = 1;
    run Proposer(0); run Proposer(1);
#if PROPOSERS > 2
    run Proposer(2);
#endif
#if PROPOSERS > 3
    run Proposer(3)
#endif
  }
}
