//! Imported material: a wrapping key is fetched, the material comes wrapped under it, and what was imported is shown,
//! deleted, and imported again. Between the steps nothing is kept here: key and token travel with the form.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::detail;
use super::text;
use super::view::{Doing, View};
use super::wrapping::{ALGORITHMS, SPECS, making, usual_algorithm, wrapping};
use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::pages::audit::local_time;
use crate::pages::words;
use crate::response::{Page, see_other, whole};
use crate::views::Shell;
use crate::visit::Visit;

/// An import as far as it has come, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Typed {
    algorithm: String,
    spec: String,
    public_key: String,
    token: String,
    until: String,
    wrapped: String,
    expires: bool,
    valid_to: String,
    new_material: bool,
    description: String,
    choice_problem: Option<String>,
    wrapped_problem: Option<String>,
    valid_to_problem: Option<String>,
    problem: Option<String>,
}

impl Typed {
    fn of(form: &Form) -> Typed {
        Typed {
            algorithm: form.get("algorithm").to_owned(),
            spec: form.get("wrapping_spec").to_owned(),
            public_key: form.get("public_key").to_owned(),
            token: form.get("token").to_owned(),
            until: form.get("until").to_owned(),
            wrapped: form.raw("wrapped").split_whitespace().collect(),
            expires: form.get("expires") == "yes",
            valid_to: form.get("valid_to").to_owned(),
            new_material: form.get("import_type") == "new",
            description: form.get("description").to_owned(),
            ..Typed::default()
        }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        [
            &self.choice_problem,
            &self.wrapped_problem,
            &self.valid_to_problem,
            &self.problem,
        ]
        .iter()
        .any(|problem| problem.is_some())
    }

    fn check(&mut self) {
        if STANDARD.decode(&self.wrapped).is_ok_and(|it| it.is_empty()) {
            self.wrapped_problem = Some("The wrapped material is missing.".to_owned());
        } else if STANDARD.decode(&self.wrapped).is_err() {
            self.wrapped_problem =
                Some("This is not base64, as the last command prints it.".to_owned());
        }
        if self.expires && local_time(&self.valid_to).is_none() {
            self.valid_to_problem = Some("This is not a date with a time.".to_owned());
        }
    }

    fn input(&self, id: &str, again: bool) -> Value {
        let mut input = json!({
            "KeyId": id,
            "ImportToken": self.token,
            "EncryptedKeyMaterial": self.wrapped,
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        });
        if let Some(time) = local_time(&self.valid_to).filter(|_| self.expires) {
            input["ExpirationModel"] = "KEY_MATERIAL_EXPIRES".into();
            input["ValidTo"] = time.unix_timestamp().into();
        }
        if again {
            input["ImportType"] = match self.new_material {
                true => "NEW_KEY_MATERIAL",
                false => "EXISTING_KEY_MATERIAL",
            }
            .into();
        }
        if !self.description.is_empty() {
            input["KeyMaterialDescription"] = self.description.as_str().into();
        }
        input
    }

    /// Puts a refusal beside the field that it is about.
    fn refused(&mut self, refusal: &Refusal) {
        let words = refusal.words().to_owned();
        let code = refusal.code.as_str();
        let field = if words.contains("validTo") {
            &mut self.valid_to_problem
        } else if ["InvalidCiphertext", "IncorrectKeyMaterial"]
            .iter()
            .any(|about| code.starts_with(about))
        {
            &mut self.wrapped_problem
        } else {
            &mut self.problem
        };
        *field = Some(if code.starts_with("InvalidCiphertext") {
            "It does not open with this wrapping key. Was it wrapped by the commands above, and with their key?"
                .to_owned()
        } else {
            words
        });
    }
}

struct Row {
    id: String,
    description: String,
    state: &'static str,
    colour: &'static str,
    here: bool,
    pending: bool,
    expires: String,
}

#[derive(Template)]
#[template(path = "key_material.html")]
struct Material<'a> {
    shell: &'a Shell,
    id: &'a str,
    state_name: &'a str,
    symmetric: bool,
    rows: Vec<Row>,
    algorithms: [(&'static str, &'static str); 4],
    specs: [(&'static str, &'static str); 3],
    making: String,
    wrapping: String,
    typed: Typed,
    has_key: bool,
    cli: String,
    why_import: Option<String>,
    why_delete: Option<String>,
    why_rotate: Option<String>,
}

/// The tab.
pub(super) async fn tab(view: &View<'_>, typed: Option<Typed>) -> Result<String, Fault> {
    let (actor, key) = (view.actor, view.key);
    let spec = text(&key["KeySpec"]);
    let symmetric = spec == "SYMMETRIC_DEFAULT";
    let mut typed = typed.unwrap_or_default();
    if typed.algorithm.is_empty() {
        usual_algorithm(&spec).clone_into(&mut typed.algorithm);
    }
    let caller = actor.caller().await?;
    let [why_import, why_delete, why_rotate] = actor
        .why_not_key_each(
            &caller,
            [
                "kms:ImportKeyMaterial",
                "kms:DeleteImportedKeyMaterial",
                "kms:RotateKeyOnDemand",
            ],
            &view.arn,
        )
        .await;
    super::render(&Material {
        shell: view.shell,
        id: &view.id,
        state_name: &view.state_name,
        symmetric,
        rows: rows(view, symmetric).await?,
        algorithms: ALGORITHMS,
        specs: SPECS,
        making: making(&spec).unwrap_or_default(),
        wrapping: wrapping(&typed.algorithm, &typed.public_key),
        has_key: !typed.token.is_empty(),
        cli: format!(
            "aws kms import-key-material --key-id {} --import-token fileb://import-token.bin \
             --encrypted-key-material fileb://wrapped.bin --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE",
            view.id
        ),
        typed,
        why_import,
        why_delete,
        why_rotate,
    })
}

/// What was imported. Only symmetric keys can have more than one material.
async fn rows(view: &View<'_>, symmetric: bool) -> Result<Vec<Row>, Fault> {
    let key = view.key;
    if !symmetric {
        let here = view.state_name != "PendingImport";
        return Ok(vec![Row {
            id: String::new(),
            description: String::new(),
            state: if here { "imported" } else { "not here" },
            colour: if here { "good" } else { "warn" },
            here,
            pending: false,
            expires: words::json_time(&key["ValidTo"]),
        }]);
    }
    let input = json!({ "KeyId": view.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL" });
    let answer = match view.actor.kms("ListKeyRotations", &input).await {
        Ok(answer) => answer,
        Err(Fault::Refused(_)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let materials = answer["Rotations"].as_array().into_iter().flatten();
    Ok(materials
        .map(|it| {
            let here = it["ImportState"] != "PENDING_IMPORT";
            let pending = it["KeyMaterialState"] == "PENDING_ROTATION"
                || it["KeyMaterialState"] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION";
            let (state, colour) = match (here, pending, it["KeyMaterialState"].as_str()) {
                (false, _, _) => ("not here", "warn"),
                (_, true, _) => ("waits for a rotation", "warn"),
                (_, _, Some("CURRENT")) => ("in use", "good"),
                _ => ("reads what it sealed", ""),
            };
            Row {
                id: text(&it["KeyMaterialId"]),
                description: text(&it["KeyMaterialDescription"]),
                state,
                colour,
                here,
                pending,
                expires: words::json_time(&it["ValidTo"]),
            }
        })
        .filter(|row| !row.id.is_empty())
        .collect())
}

/// A form of the tab was sent.
pub(super) async fn import(visit: &Visit, id: &str, form: &Form) -> Result<Page, Fault> {
    let mut typed = Typed::of(form);
    match form.get("go") {
        "wrapping-key" => return saved("wrapping-key.der", &typed.public_key),
        "import-token" => return saved("import-token.bin", &typed.token),
        _ => {}
    }
    let actor = visit.actor()?;
    if typed.token.is_empty() {
        let input = json!({
            "KeyId": id,
            "WrappingAlgorithm": typed.algorithm,
            "WrappingKeySpec": typed.spec,
        });
        match actor.kms("GetParametersForImport", &input).await {
            Ok(answer) => {
                typed.public_key = text(&answer["PublicKey"]);
                typed.token = text(&answer["ImportToken"]);
                typed.until = words::json_time(&answer["ParametersValidTo"]);
            }
            Err(Fault::Refused(refusal)) => {
                typed.choice_problem = Some(refusal.words().to_owned());
            }
            Err(fault) => return Err(fault),
        }
        return detail::show(visit, id, Some(Doing::Material(typed))).await;
    }
    typed.check();
    if typed.is_wrong() {
        return detail::show(visit, id, Some(Doing::Material(typed))).await;
    }
    let place = format!("/console/keys/{id}?tab=material");
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(&place)));
    }
    let input = typed.input(id, form.has("import_type"));
    match actor.kms("ImportKeyMaterial", &input).await {
        Ok(_) => {
            form.end(visit, Some(&place));
            visit.tell(true, "The material is in.");
            Ok(see_other(&place))
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            typed.refused(&refusal);
            detail::show(visit, id, Some(Doing::Material(typed))).await
        }
        Err(fault) => {
            form.end(visit, None);
            Err(fault)
        }
    }
}

/// What the form carries, as the file that the AWS CLI would make of it.
fn saved(name: &'static str, content: &str) -> Result<Page, Fault> {
    let bytes = STANDARD
        .decode(content)
        .map_err(|_| Fault::Form("The file is not in the form any more."))?;
    Ok(attachment(name, "application/octet-stream", bytes))
}

/// A file to save.
pub(super) fn attachment(name: &str, kind: &'static str, bytes: Vec<u8>) -> Page {
    let mut page = Page::new(whole(bytes));
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    page
}
