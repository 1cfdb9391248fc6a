//! A new access key: its secret is on one page, once.

use askama::Template;

use crate::fault::Fault;
use crate::forms::Form;
use crate::response::{Page, see_other};
use crate::views::{Shell, page};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "access_key.html")]
struct MadePage<'a> {
    shell: Shell,
    whose: &'a str,
    back: &'a str,
    file: String,
    id: &'a str,
    secret: &'a str,
    /// The file that AWS's console gives, as an address that holds it.
    csv: String,
}

/// Makes a key of the user; `None` for one's own. Comes back to `back`.
pub(super) async fn create(
    visit: &Visit,
    form: &Form,
    user: Option<&str>,
    back: &str,
) -> Result<Page, Fault> {
    if form.begin(visit).is_err() {
        // The page with the secret was sent, and there is no other.
        visit.tell(
            false,
            "This form was sent before. The key that it made is below; its secret is shown only once. If you have not \
             got it, delete the key and create another.",
        );
        return Ok(see_other(back));
    }
    let actor = visit.actor()?;
    let of: Vec<(&str, &str)> = user.map(|name| ("UserName", name)).into_iter().collect();
    let answer = match actor.iam("CreateAccessKey", &of).await {
        Ok(answer) => answer,
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            visit.tell(false, refusal.words());
            return Ok(see_other(back));
        }
        Err(fault) => {
            form.end(visit, None);
            return Err(fault);
        }
    };
    form.end(visit, Some(back));
    let key = answer.at(&["AccessKey"]);
    let (id, secret) = (key.text("AccessKeyId"), key.text("SecretAccessKey"));
    let whose = user.unwrap_or("you");
    let csv = format!("Access key ID,Secret access key\r\n{id},{secret}\r\n");
    page(&MadePage {
        whose,
        back,
        file: format!("{}_accessKeys.csv", user.unwrap_or("root")),
        id,
        secret,
        csv: format!(
            "data:text/csv;charset=utf-8,{}",
            sealgate_wire::encode(&csv)
        ),
        shell: Shell::new(visit, "people", "New access key"),
    })
}
