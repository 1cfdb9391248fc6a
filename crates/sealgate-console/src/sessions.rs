//! Who is signed in. A session lives in memory, so a restart ends it; its name is a random number that only the
//! browser knows, for here only the hash of it is kept. Nothing of the secret that began it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_crypto::random;
use sealgate_iam::ConsoleSession;
use subtle::ConstantTimeEq as _;

/// A session that nobody used for so long has ended.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// And so has one that began so long ago, used or not.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions kept at most; then the one that was idle longest ends.
const MOST: usize = 4096;
/// Sessions of one principal at most: nobody ends those of others by signing in again and again.
const MOST_OF_ONE: usize = 64;
/// Submissions that a session remembers, so that one sent twice acts once.
const SUBMISSIONS: usize = 64;

/// The name of a session, as the browser has it.
pub(crate) struct SessionId(String);

impl SessionId {
    fn new() -> Result<SessionId, random::Error> {
        Ok(SessionId(token()?))
    }

    /// The value of the cookie.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// 256 random bits.
pub(crate) fn token() -> Result<String, random::Error> {
    let mut bytes = [0; 32];
    random::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Session {
    name: [u8; 32],
    /// What it stands on.
    pub(crate) standing: ConsoleSession,
    /// Nothing may be done before the password is changed.
    pub(crate) must_change: bool,
    /// Who that was. For showing only: what they may is found anew for each request.
    pub(crate) principal: String,
    pub(crate) account: String,
    /// What forms carry, so that they come from a page of this session.
    pub(crate) form_token: String,
}

impl Session {
    /// Whether a form comes from a page of this session.
    pub(crate) fn owns_form(&self, token: &str) -> bool {
        self.form_token.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

struct Kept {
    session: Session,
    began: Instant,
    used: Instant,
    notice: Option<Notice>,
    /// The submissions of forms that were seen, with where they led.
    submissions: Vec<(String, Option<String>)>,
}

impl Kept {
    fn has_ended(&self, now: Instant) -> bool {
        now.duration_since(self.used) > IDLE || now.duration_since(self.began) > LONGEST
    }
}

/// What the next page tells of the last action.
#[derive(Clone)]
pub(crate) struct Notice {
    pub(crate) good: bool,
    pub(crate) text: String,
}

/// What is to be done with a form that was sent.
pub(crate) enum Submission {
    /// It is the first: act.
    First,
    /// It was sent before, and led there.
    Again(Option<String>),
}

/// The sessions of a gateway.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<HashMap<[u8; 32], Kept>>,
}

fn name_of(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

impl Sessions {
    /// Begins a session. Its name is new, whatever name the browser came with.
    pub(crate) fn begin(
        &self,
        standing: ConsoleSession,
        must_change: bool,
        principal: &str,
        account: &str,
        now: Instant,
    ) -> Result<SessionId, random::Error> {
        let id = SessionId::new()?;
        let name = name_of(id.expose());
        let session = Session {
            name,
            standing,
            must_change,
            principal: principal.to_owned(),
            account: account.to_owned(),
            form_token: token()?,
        };
        let mut kept = self.kept.lock();
        kept.retain(|_, session| !session.has_ended(now));
        let own = kept
            .values()
            .filter(|it| it.session.principal == principal)
            .count();
        let own_are_full = own >= MOST_OF_ONE;
        if (own_are_full || kept.len() >= MOST)
            && let Some(oldest) = kept
                .iter()
                .filter(|(_, it)| !own_are_full || it.session.principal == principal)
                .min_by_key(|(_, session)| session.used)
                .map(|(name, _)| *name)
        {
            kept.remove(&oldest);
        }
        kept.insert(
            name,
            Kept {
                session,
                began: now,
                used: now,
                notice: None,
                submissions: Vec::new(),
            },
        );
        Ok(id)
    }

    /// The session of this name, if it has not ended.
    pub(crate) fn find(&self, id: &str, now: Instant) -> Option<Session> {
        let name = name_of(id);
        let mut kept = self.kept.lock();
        let found = kept.get_mut(&name)?;
        if found.has_ended(now) {
            kept.remove(&name);
            return None;
        }
        found.used = now;
        Some(found.session.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: &Session) {
        self.kept.lock().remove(&session.name);
    }

    /// Leaves a word for the next page.
    pub(crate) fn tell(&self, session: &Session, notice: Notice) {
        if let Some(kept) = self.kept.lock().get_mut(&session.name) {
            kept.notice = Some(notice);
        }
    }

    /// The word that was left.
    pub(crate) fn told(&self, session: &Session) -> Option<Notice> {
        self.kept.lock().get_mut(&session.name)?.notice.take()
    }

    /// Whether this form was sent before.
    pub(crate) fn submit(&self, session: &Session, once: &str) -> Submission {
        let mut kept = self.kept.lock();
        let Some(kept) = kept.get_mut(&session.name) else {
            return Submission::Again(None);
        };
        if let Some((_, led_to)) = kept.submissions.iter().find(|(seen, _)| seen == once) {
            return Submission::Again(led_to.clone());
        }
        if kept.submissions.len() >= SUBMISSIONS {
            kept.submissions.remove(0);
        }
        kept.submissions.push((once.to_owned(), None));
        Submission::First
    }

    /// Where a form that acted led; `None` if it did not act and may be sent again.
    pub(crate) fn submitted(&self, session: &Session, once: &str, led_to: Option<&str>) {
        let mut kept = self.kept.lock();
        let Some(kept) = kept.get_mut(&session.name) else {
            return;
        };
        match led_to {
            None => kept.submissions.retain(|(seen, _)| seen != once),
            Some(place) => {
                for (seen, led_to) in &mut kept.submissions {
                    if seen == once {
                        *led_to = Some(place.to_owned());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn begin(sessions: &Sessions, now: Instant) -> String {
        begin_as(sessions, "arn", now)
    }

    fn begin_as(sessions: &Sessions, principal: &str, now: Instant) -> String {
        let standing = ConsoleSession {
            credential: sealgate_iam::ConsoleCredential::AccessKey { id: "AKIA".into() },
            since: time::OffsetDateTime::UNIX_EPOCH,
            expires: time::OffsetDateTime::UNIX_EPOCH,
            mfa_at: None,
        };
        let id = sessions
            .begin(standing, false, principal, "1", now)
            .unwrap();
        id.expose().to_owned()
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let id = begin(&sessions, start);
        assert!(sessions.find(&id, start + IDLE).is_some());
        assert!(sessions.find(&id, start + IDLE * 2).is_some());
        let late = start + IDLE * 3 + Duration::from_secs(1);
        assert!(sessions.find(&id, late).is_none());
        assert!(sessions.find(&id, start).is_none(), "ended is ended");
    }

    #[test]
    fn a_session_ends_after_its_longest_time_although_it_is_used() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let id = begin(&sessions, start);
        let mut now = start;
        while now + IDLE <= start + LONGEST {
            now += IDLE;
            assert!(sessions.find(&id, now).is_some());
        }
        now += Duration::from_secs(1);
        assert!(sessions.find(&id, now).is_none());
    }

    #[test]
    fn a_name_is_not_guessed_and_a_form_belongs_to_one_session() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (a, b) = (begin(&sessions, now), begin(&sessions, now));
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(sessions.find("", now).is_none() && sessions.find(&a[1..], now).is_none());
        let (a, b) = (
            sessions.find(&a, now).unwrap(),
            sessions.find(&b, now).unwrap(),
        );
        assert!(a.owns_form(&a.form_token) && !a.owns_form(&b.form_token) && !a.owns_form(""));
    }

    #[test]
    fn a_form_sent_twice_acts_once_unless_it_failed() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let session = sessions.find(&begin(&sessions, now), now).unwrap();
        assert!(matches!(sessions.submit(&session, "x"), Submission::First));
        assert!(matches!(
            sessions.submit(&session, "x"),
            Submission::Again(None)
        ));
        sessions.submitted(&session, "x", Some("/console/keys"));
        assert!(
            matches!(sessions.submit(&session, "x"), Submission::Again(Some(place)) if place == "/console/keys")
        );
        assert!(matches!(sessions.submit(&session, "y"), Submission::First));
        sessions.submitted(&session, "y", None);
        assert!(matches!(sessions.submit(&session, "y"), Submission::First));
    }

    #[test]
    fn nobody_ends_the_sessions_of_others_by_signing_in() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let (theirs, first) = (
            begin_as(&sessions, "theirs", start),
            begin(&sessions, start),
        );
        let now = start + Duration::from_secs(1);
        for _ in 0..MOST_OF_ONE {
            begin(&sessions, now);
        }
        assert!(sessions.find(&theirs, now).is_some());
        assert!(sessions.find(&first, now).is_none());
        assert_eq!(sessions.kept.lock().len(), MOST_OF_ONE + 1);
    }

    #[test]
    fn the_session_idle_longest_makes_room() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let first = begin(&sessions, start);
        let now = start + Duration::from_secs(1);
        for number in 0..MOST {
            begin_as(&sessions, &number.to_string(), now);
        }
        assert!(sessions.find(&first, now).is_none());
        assert_eq!(sessions.kept.lock().len(), MOST);
    }
}
